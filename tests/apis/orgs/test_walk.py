"""The kit's walk through a group's life, against this server: `handset-client group`."""

from collections.abc import Callable

import pytest
from handset_client.demo import Unexpected
from handset_client.group import GroupWalk, Service

from tests.apis.auth.mailbox import received
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = pytest.mark.django_db

NewPhone = Callable[..., tuple[Phone, InProcess]]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def walk(new_phone: NewPhone, said: list[str]) -> GroupWalk:
    def mailbox(address: str) -> str:
        return "\n".join(f"{mail.subject}\n{mail.text}" for mail in received(address))

    return GroupWalk(
        BASE_URL,
        lambda: new_phone()[0],
        transport=InProcess(address="203.0.113.7"),
        mailbox=mailbox,
        wait_for_mail=lambda: None,
        say=said.append,
    )


def test_it_comes_to_its_end(walk: GroupWalk, said: list[str]) -> None:
    walk.run()
    assert len(said) == 7
    assert "rotated in between, none of" in said[3]
    assert "member_removed" in said[-1]


def test_it_fails_where_a_removed_member_is_answered(walk: GroupWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.apis.orgs import services

    def forgetful(caller: object, *, organization: str, username: str) -> None:
        """Answers as if it had done it."""

    monkeypatch.setattr(services, "remove_member", forgetful)
    with pytest.raises(Unexpected, match="removed, ada is answered 200"):
        walk.run()


def test_it_fails_where_a_rotated_key_ends_at_once(walk: GroupWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    from handset_client import Refused

    request = Service.request

    def broken(self: Service, method: str, path: str, body: object = None, **params: str) -> object:
        if "cursor" in params:
            self._key = "hs_live_gone"
        return request(self, method, path, body, **params)

    monkeypatch.setattr(Service, "request", broken)
    with pytest.raises(Refused):
        walk.run()
