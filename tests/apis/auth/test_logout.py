"""`POST auth/logout/`: ends the session; the device stays registered and gets one without a person."""

import uuid

import pytest
import time_machine
from handset_client.outcomes import accept

from api.apis.onboarding import services as onboarding
from api.models import AuditEntry, Device, EndReason, Session
from api.platform import callers
from tests.apis.auth.wire import (
    Draft,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    commit,
    get_token,
    request_of,
    rows,
    send,
    with_token,
)
from tests.conftest import PASSWORD, Person
from tests.phones import BASE_URL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def sign_out(person: Person, token: str = "") -> int:
    answer = with_token(person.transport, "POST", "auth/logout/", token or person.phone.state.access or "")
    assert answer.status != 204 or answer.body == b""
    return answer.status


def test_session_is_over_at_once(alice: Person) -> None:
    token = alice.phone.state.access or ""
    assert sign_out(alice) == 204
    session = Session.objects.get(id=alice.phone.state.session_id)
    assert (session.end_reason, session.live_device_id) == (EndReason.SIGNED_OUT, None)
    assert session.ended_by_id == alice.user.id
    for path in ("auth/check/", "users/me/", "contacts/"):
        assert_refused(with_token(alice.transport, "GET", path, token), 401, "token_revoked")
    assert AuditEntry.objects.filter(action="session.ended", target_id=session.id).count() == 1


def test_repeating_it_is_fine_and_changes_nothing(alice: Person) -> None:
    """The answer may have been lost, and the token is that of a session that has ended."""
    alice.get("auth/check/")
    assert sign_out(alice) == 204
    before = rows()
    for _ in range(3):
        assert sign_out(alice) == 204
    assert rows() == before


def test_device_stays_and_gets_a_session_without_a_person(alice: Person) -> None:
    sign_out(alice)
    answer = accept(send(alice.transport, get_token(alice.phone)))
    assert (answer.json["user"], answer.json["rekey"]) == (None, False)
    assert Device.objects.get(id=alice.phone.state.device_id).revoked_at is None
    accept(alice.phone.get_token())
    assert accept(alice.phone.sign_in(alice.email, PASSWORD)).json["user"]["id"] == str(alice.user.id)


def test_late_repetition_does_not_end_the_next_session(alice: Person) -> None:
    old = alice.phone.state.access or ""
    alice.phone.sign_out()
    accept(alice.phone.sign_in(alice.email, PASSWORD))
    assert sign_out(alice, old) == 204
    assert accept(alice.phone.request("GET", "users/me/")).json["email"] == alice.email


def test_phone_that_loses_the_answer_ends_signed_out(alice: Person) -> None:
    alice.transport.lose_next = 2
    alice.phone.sign_out()
    assert accept(alice.phone.request("GET", "auth/check/")).json["user"] is None
    assert Session.objects.filter(live_device__isnull=False).count() == 1


def test_sessions_of_other_phones_go_on(alice: Person, bob: Person, new_phone: MakePhone) -> None:
    other, _ = new_phone()
    accept(other.sign_in(alice.email, PASSWORD))
    sign_out(alice)
    assert accept(other.request("GET", "users/me/")).json["email"] == alice.email
    assert accept(bob.get("users/me/")).json["email"] == bob.email


def test_whoever_signs_out_while_the_answer_to_signing_in_is_lost_is_signed_out(
    alice: Person, new_phone: MakePhone
) -> None:
    """The phone knows of the session before only; the one it was to get must not stay behind with the person on it."""
    phone, transport = new_phone()
    phone.get_token()
    old = phone.state.access or ""
    lost = accept(with_token(transport, "POST", "token/pair/", old, {"email": alice.email, "password": PASSWORD}))
    assert with_token(transport, "POST", "auth/logout/", old).status == 204
    assert_refused(with_token(transport, "GET", "users/me/", lost.json["access"]), 401, "token_revoked")
    assert accept(send(transport, get_token(phone))).json["user"] is None


def test_session_without_a_person_can_be_ended_too(new_phone: MakePhone) -> None:
    phone, transport = new_phone()
    phone.get_token()
    before = phone.state.session_id
    assert with_token(transport, "POST", "auth/logout/", phone.state.access or "").status == 204
    phone.get_token()
    assert phone.state.session_id != before


def test_token_of_a_revoked_device_may_still_say_goodbye(alice: Person) -> None:
    commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(alice.phone.state.device_id))
    assert sign_out(alice) == 204


def test_it_takes_a_token_that_is_one(alice: Person, clock: time_machine.Traveller) -> None:
    url = f"{BASE_URL}/api/v1/auth/logout/"
    assert_changes_nothing(alice.transport, Draft("POST", url, {}), 401, "token_missing")
    bad = Draft("POST", url, {"Authorization": "Bearer a.b.c"})
    assert_changes_nothing(alice.transport, bad, 401, "token_invalid")
    clock.shift(900)
    late = Draft("POST", url, {"Authorization": f"Bearer {alice.phone.state.access}"})
    assert_changes_nothing(alice.transport, late, 401, "token_expired")


def test_signed_sign_out_counts_once(alice: Person) -> None:
    given = request_of(alice.phone, "POST", "auth/logout/")
    assert send(alice.transport, given).status == 204
    assert_changes_nothing(alice.transport, given, 401, "nonce_replayed")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_link_signs_nobody_out(alice: Person, method: str) -> None:
    answer = with_token(alice.transport, method, "auth/logout/", alice.phone.state.access or "")
    assert_refused(answer, 405, "method_not_allowed")
    accept(alice.get("users/me/"))
