"""The cast: alice owns a group, bob is her teammate, charlie is an outsider; each has a phone that really signs."""

import itertools
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.core.cache import cache
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.onboarding import services as onboarding
from api.models import AppKey, Organization, Role, User
from api.platform import app_versions, callers, revocation, state, tokens, traffic
from api.platform.keys import b64url
from core import logs
from tests import factories
from tests.buckets import bucket, endpoint, failing, gone  # noqa: F401 -- fixtures
from tests.documented import complaints
from tests.phones import InProcess, Phone, make_phone

PASSWORD = "correct horse battery staple"
LogLines = list[MutableMapping[str, Any]]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class AppKeyOnPhone:
    row: AppKey
    secret: str


@dataclass(frozen=True)
class Person:
    """Somebody signed in on their own phone."""

    user: User
    phone: Phone
    transport: InProcess
    email: str

    def get(self, path: str, **params: Any) -> Answer:
        return self.phone.request("GET", path, params=params or None)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.phone.request("POST", path, body)

    def patch(self, path: str, body: Any) -> Answer:
        return self.phone.request("PATCH", path, body)

    def put(self, path: str, body: Any) -> Answer:
        return self.phone.request("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return self.phone.request("DELETE", path)


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that a process remembers outlives a test; a Redis of the suite is emptied."""
    # Within a test the minimum versions are read once: when exactly, no test that counts queries can know.
    monkeypatch.setattr(app_versions, "FRESH_SECONDS", 10**9)
    monkeypatch.setattr(traffic, "FLUSH_SECONDS", 10**9)
    yield
    cache.clear()
    tokens._verified.clear()
    app_versions.forget()
    revocation._recorded.clear()


@pytest.fixture(autouse=True)
def _as_documented() -> Iterator[None]:
    """Whatever a test asks of the API, the answers are those that the OpenAPI document promises."""
    complaints.clear()
    yield
    assert complaints == []


@pytest.fixture(autouse=True)
def _empty_state_store() -> None:
    if state.is_configured():
        with state.guarded() as redis:
            redis.flushdb()
            # As old as a store in service: one that has just been found new asks the rows as well.
            redis.set(state.EPOCH_KEY, f"1 {redis.info('server')['run_id']}")


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """What is written to the log from here on."""
    capture = structlog.testing.LogCapture()
    processors: list[Any] = structlog.get_config()["processors"]
    kept = processors.copy()
    processors[:] = [*logs.SHARED, capture]
    yield capture.entries
    processors[:] = kept


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Path:
    """The folder that files of people lie in, empty."""
    folder = tmp_path / "files"
    folder.mkdir()
    default = settings.STORAGES["default"]
    options = {**default["OPTIONS"], "location": str(folder)}
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}
    return folder


@pytest.fixture
def app_key(db: None) -> AppKeyOnPhone:
    row, secret = onboarding.create_app_key(callers.command(), key_id=f"test-{next(_numbers)}", platform="other")
    return AppKeyOnPhone(row, b64url(secret))


@pytest.fixture
def new_phone(app_key: AppKeyOnPhone) -> Callable[..., tuple[Phone, InProcess]]:
    """Makes a phone that was never seen."""

    def make(**kwargs: Any) -> tuple[Phone, InProcess]:
        return make_phone(app_key.row.key_id, app_key.secret, **kwargs)

    return make


@pytest.fixture
def phone(new_phone: Callable[..., tuple[Phone, InProcess]]) -> Phone:
    return new_phone()[0]


@pytest.fixture
def new_person(new_phone: Callable[..., tuple[Phone, InProcess]]) -> Callable[..., Person]:
    """Signs somebody up on a new phone."""

    def make(name: str = "somebody", **kwargs: Any) -> Person:
        phone, transport = new_phone(**kwargs)
        email = f"{name}-{next(_numbers)}@example.com"
        answer = accept(phone.sign_up(email, PASSWORD))
        return Person(User.objects.get(id=answer.json["user"]["id"]), phone, transport, email)

    return make


@pytest.fixture
def alice(new_person: Callable[..., Person]) -> Person:
    return new_person("alice")


@pytest.fixture
def bob(new_person: Callable[..., Person]) -> Person:
    return new_person("bob")


@pytest.fixture
def charlie(new_person: Callable[..., Person]) -> Person:
    return new_person("charlie")


@pytest.fixture
def team(alice: Person, bob: Person) -> Organization:
    """Alice's group; bob is a member."""
    return factories.group(alice.user, {bob.user: Role.MEMBER}, name="Team")
