import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import vendors
from tests.apis.auth.wire import _commits_take_effect, clock, new_phone
from tests.cms.conftest import new_staff, new_user

__all__ = ["_commits_take_effect", "clock", "new_phone", "new_staff", "new_user"]


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[..., None]:
    """Chooses who carries mail by the environment, as a deployment does."""

    def choose(name: str, **variables: str) -> None:
        for variable, value in {"EMAIL_PROVIDER": name, **variables}.items():
            monkeypatch.setenv(variable, value)
        made = runpy.run_path(str(Path(vendors.__file__)))
        for variable, value in made.items():
            if variable.startswith(("EMAIL_", "ANYMAIL", "DEFAULT_FROM")):
                setattr(settings, variable, value)

    return choose


@pytest.fixture
def post_office(choose: Callable[..., None]) -> Iterator[Any]:
    """A mail server that the settings name. It is a package of its own, which nothing else here needs."""
    from tests.postoffice import PostOffice

    office = PostOffice()
    office.start()
    try:
        choose("smtp", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(office.port), EMAIL_FROM="Handset <mail@example.org>")
        yield office
    finally:
        office.stop()
