"""The kit's walk through an account's life, against this server: `handset-client account`."""

from collections.abc import Callable

import pytest
from handset_client.account import AccountWalk
from handset_client.demo import Unexpected

from api.apis.auth import services
from tests.apis.auth.mailbox import received
from tests.phones import InProcess, Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def walk(new_phone: Callable[..., tuple[Phone, InProcess]], said: list[str]) -> AccountWalk:
    return AccountWalk(
        lambda: new_phone()[0],
        mailbox=lambda address: "\n".join(f"{mail.subject}\n{mail.text}" for mail in received(address)),
        wait_for_mail=lambda: None,
        say=said.append,
    )


def test_it_comes_to_its_end(walk: AccountWalk, said: list[str]) -> None:
    walk.run()
    assert len(said) == 4
    assert said[-1].endswith("its next call: 403 sign_in_required")


def test_it_fails_where_no_mail_comes(walk: AccountWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "mail_proof", lambda *_: None)
    with pytest.raises(Unexpected, match="no mail to"):
        walk.run()
