"""`POST token/verify/`: whether a token of either kind, of this device, would be taken now."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.models import Session
from api.platform import callers
from tests.apis.auth.wire import Draft, assert_refused, commit, refresh, rows, send, with_token
from tests.conftest import PASSWORD, Person
from tests.phones import BASE_URL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

Clock = time_machine.Traveller
A = "A" * 22


def verify(person: Person, token: Any, *, by: str = "") -> Answer:
    access = by or person.phone.state.access or ""
    return with_token(person.transport, "POST", "token/verify/", access, {"token": token})


def test_both_kinds_are_good(alice: Person) -> None:
    alice.get("auth/check/")
    before = rows()
    for kind, token in (("access", alice.phone.state.access), ("refresh", alice.phone.state.refresh)):
        answer = verify(alice, token)
        assert (answer.status, answer.json) == (200, {"kind": kind})
        assert answer.headers["cache-control"] == "no-store"
    assert rows() == before


def test_refresh_token_is_not_used_up(alice: Person) -> None:
    for _ in range(3):
        assert verify(alice, alice.phone.state.refresh).status == 200
    accept(alice.phone.refresh())


def test_token_of_another_device_is_invalid(alice: Person, bob: Person) -> None:
    for token in (bob.phone.state.access, bob.phone.state.refresh):
        assert_refused(verify(alice, token), 401, "token_invalid")


def test_token_that_was_never_made_is_invalid(alice: Person) -> None:
    refresh_token = alice.phone.state.refresh or ""
    for token in (
        "x",
        "a.b.c",
        "rt1.x.0.y",
        refresh_token[:-1],
        f"{refresh_token}x",
        refresh_token.replace(".0.", ".1."),
    ):
        assert_refused(verify(alice, token), 401, "token_invalid")


def test_access_token_that_has_run_out_is_told_so(alice: Person, clock: Clock) -> None:
    old = alice.phone.state.access
    clock.shift(900)
    accept(alice.phone.refresh())
    assert_refused(verify(alice, old), 401, "token_expired")


def test_older_refresh_token_is_revoked_and_asking_is_no_reuse(alice: Person) -> None:
    old = alice.phone.state.refresh
    accept(alice.phone.refresh())
    assert_refused(verify(alice, old), 401, "token_revoked")
    accept(alice.phone.refresh())
    assert_refused(verify(alice, old), 401, "token_revoked")
    assert Session.objects.get(live_device__isnull=False).refresh_counter == 2


def test_tokens_of_an_ended_session_are_revoked(alice: Person) -> None:
    old = alice.phone.state
    alice.phone.sign_out()
    for token in (old.access, old.refresh):
        assert_refused(verify(alice, token), 401, "token_revoked")


def test_tokens_of_a_superseded_session_are_revoked(alice: Person) -> None:
    old = alice.phone.state
    accept(alice.phone.sign_in(alice.email, PASSWORD))
    for token in (old.access, old.refresh):
        assert_refused(verify(alice, token), 401, "token_revoked")


def test_refresh_token_of_an_expired_session(alice: Person, clock: Clock, settings: Any) -> None:
    settings.ACCESS_TOKEN_SECONDS = 90 * 86_400
    access = accept(alice.phone.refresh()).json["access"]
    clock.shift(timedelta(days=31))
    assert_refused(verify(alice, alice.phone.state.refresh, by=access), 401, "session_expired")


def test_refresh_token_of_somebody_shut_out(alice: Person) -> None:
    old = alice.phone.state
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    alice.phone._store(old.without_session())
    alice.phone.get_token()
    for token in (old.access, old.refresh):
        assert_refused(verify(alice, token), 401, "token_revoked")


def test_asking_needs_a_token(alice: Person) -> None:
    body = json.dumps({"token": alice.phone.state.access}).encode()
    given = Draft("POST", f"{BASE_URL}/api/v1/token/verify/", {"Content-Type": "application/json"}, body)
    assert_refused(send(alice.transport, given), 401, "token_missing")


@pytest.mark.parametrize("token", [None, "", 1, True, [], {}, "x" * 4097, "a\0b"])
def test_other_kinds_are_refused(alice: Person, token: Any) -> None:
    assert_refused(verify(alice, token), 400, "invalid_input")


def test_answer_says_what_refreshing_would_say(alice: Person) -> None:
    """The two never disagree about a current token."""
    token = alice.phone.state.refresh
    assert verify(alice, token).status == 200
    assert send(alice.transport, refresh(alice.phone, token, A)).status == 200
