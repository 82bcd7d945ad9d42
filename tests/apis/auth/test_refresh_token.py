"""`POST auth/refresh-token/`: every line of the table of refresh tokens, and what a reuse brings about."""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as configured
from handset_client import Answer, Client
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.auth import services as auth
from api.apis.onboarding import services as onboarding
from api.models import AuditEntry, Device, EndReason, Outcome, Session
from api.platform import callers, tokens
from tests.apis.auth.wire import (
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    commit,
    draft,
    get_token,
    lower_rates,
    refresh,
    rows,
    send,
    with_token,
)
from tests.conftest import PASSWORD, Person
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PhoneOnWire = tuple[Phone, InProcess]
Clock = time_machine.Traveller

# Attempts: 16 bytes each.
A, B = "A" * 22, "QUFBQUFBQUFBQUFBQUFBQQ"


def session() -> Session:
    return Session.objects.get(live_device__isnull=False)


def next_of(alice: Person, token: str | None = None, attempt: str | None = None) -> Answer:
    return send(alice.transport, refresh(alice.phone, token, attempt))


def test_current_token_gives_the_next_one_and_fresh_access(alice: Person, clock: Clock) -> None:
    before = alice.phone.state
    clock.shift(600)
    answer = accept(next_of(alice, attempt=A))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["session_id"] == before.session_id
    assert answer.json["refresh"] == f"rt1.{before.session_id}.1.{answer.json['refresh'].rpartition('.')[2]}"
    assert answer.json["access"] != before.access
    assert answer.json["user"]["id"] == str(alice.user.id)
    assert answer.json["rekey"] is False
    assert session().refresh_counter == 1
    assert session().refreshed_at == Device.objects.get().last_seen_at
    check = accept(with_token(alice.transport, "GET", "auth/check/", answer.json["access"]))
    assert check.json["expires_in"] == 900


def test_nothing_of_a_token_is_stored(alice: Person) -> None:
    token = accept(next_of(alice, attempt=A)).json["refresh"]
    mac = token.rpartition(".")[2]
    stored = repr(rows())
    assert token not in stored
    assert mac not in stored
    assert A not in stored
    assert repr(base64.urlsafe_b64decode(A + "==")) not in stored


@pytest.mark.parametrize("path", ["auth/refresh-token/", "token/refresh/"])
def test_both_addresses_are_the_same_view(alice: Person, path: str) -> None:
    given = draft(alice.phone.state.signer, "POST", path, {"refresh": alice.phone.state.refresh, "attempt": A})
    accept(send(alice.transport, given))
    assert session().refresh_counter == 1


# -- a lost answer


@pytest.mark.parametrize("attempt", [A, None], ids=["an attempt", "no attempt"])
def test_same_attempt_gets_the_same_successor(alice: Person, attempt: str | None) -> None:
    old = alice.phone.state.refresh
    first = accept(next_of(alice, old, attempt))
    for _ in range(5):
        again = accept(next_of(alice, old, attempt))
        assert again.json["refresh"] == first.json["refresh"]
        assert again.json["session_id"] == first.json["session_id"]
        assert with_token(alice.transport, "GET", "auth/check/", again.json["access"]).status == 200
    assert session().refresh_counter == 1
    assert not AuditEntry.objects.filter(action="auth.refresh_reuse_detected").exists()
    # The successor is as good as ever.
    accept(next_of(alice, first.json["refresh"], B))


def test_repeat_has_no_time_limit(alice: Person, clock: Clock) -> None:
    """A successor that nobody used is no theft, however long the phone was in a drawer."""
    old = alice.phone.state.refresh
    first = accept(next_of(alice, old, A))
    clock.shift(timedelta(days=30))
    assert accept(next_of(alice, old, A)).json["refresh"] == first.json["refresh"]


def test_repeat_after_a_crash_is_the_same_attempt(alice: Person) -> None:
    """The kit keeps the attempt before it sends: the app that is started again repeats it."""
    alice.transport.lose_next = 4
    with pytest.raises(Exception, match="lost"):
        alice.phone.refresh()
    assert session().refresh_counter == 1
    again = Client(
        BASE_URL, "unused", "", transport=alice.transport, storage=alice.phone._storage, sleep=lambda _: None
    )
    again._clock = again._delivery._clock = alice.phone._clock
    answer = accept(again.refresh())
    assert answer.json["refresh"].split(".")[2] == "1"
    assert answer.json["user"]["id"] == str(alice.user.id)


def test_access_token_alone_is_no_use_of_the_successor(alice: Person) -> None:
    old = alice.phone.state.refresh
    first = accept(next_of(alice, old, A))
    assert with_token(alice.transport, "GET", "auth/check/", first.json["access"]).status == 200
    assert accept(next_of(alice, old, A)).json["refresh"] == first.json["refresh"]


def test_get_token_in_between_answers_the_successor(alice: Person) -> None:
    old = alice.phone.state.refresh
    first = accept(next_of(alice, old, A))
    assert accept(send(alice.transport, get_token(alice.phone))).json["refresh"] == first.json["refresh"]
    assert accept(next_of(alice, old, A)).json["refresh"] == first.json["refresh"]


# -- reuse


def previous_by(first: str | None, second: str | None) -> Callable[[Person], Answer]:
    def present(alice: Person) -> Answer:
        old = alice.phone.state.refresh
        accept(next_of(alice, old, first))
        return next_of(alice, old, second)

    return present


def previous_after_the_current(attempt: str | None) -> Callable[[Person], Answer]:
    def present(alice: Person) -> Answer:
        old = alice.phone.state.refresh
        first = accept(next_of(alice, old, A))
        second = accept(next_of(alice, first.json["refresh"], B))
        assert second.json["refresh"].split(".")[2] == "2"
        return next_of(alice, old, attempt)

    return present


def one_behind_after_the_current(alice: Person) -> Answer:
    first = accept(next_of(alice, alice.phone.state.refresh, A))
    accept(next_of(alice, first.json["refresh"], B))
    return next_of(alice, first.json["refresh"], A)


def far_behind(alice: Person) -> Answer:
    old = token = alice.phone.state.refresh
    for _ in range(5):
        token = accept(next_of(alice, token, A)).json["refresh"]
    return next_of(alice, old, A)


REUSES: dict[str, Callable[[Person], Answer]] = {
    "previous by another attempt": previous_by(A, B),
    "previous by none where one was used": previous_by(A, None),
    "previous by one where none was used": previous_by(None, A),
    "two behind by its own attempt": previous_after_the_current(A),
    "two behind by the last attempt": previous_after_the_current(B),
    "two behind by none": previous_after_the_current(None),
    "one behind by the attempt before": one_behind_after_the_current,
    "five behind": far_behind,
}


@pytest.mark.parametrize("reuse", REUSES.values(), ids=REUSES)
def test_reuse_ends_the_session(alice: Person, reuse: Callable[[Person], Answer]) -> None:
    access = alice.phone.state.access or ""
    assert_refused(reuse(alice), 401, "refresh_reuse_detected")

    ended = Session.objects.get(id=alice.phone.state.session_id)
    assert (ended.live_device_id, ended.end_reason) == (None, EndReason.REFRESH_REUSED)
    entry = AuditEntry.objects.get(action="auth.refresh_reuse_detected")
    assert (entry.outcome, entry.target_id) == (Outcome.REFUSED, str(ended.id))
    assert entry.on_behalf_of == str(alice.user.id)
    assert_refused(with_token(alice.transport, "GET", "auth/check/", access), 401, "token_revoked")
    # Whatever token of it is presented now, by whatever attempt.
    current = tokens.issue_refresh_token(ended)
    for token in (current, alice.phone.state.refresh):
        for attempt in (A, B, None):
            assert_changes_nothing_but_the_nonce(alice, token, attempt, "token_revoked")


def assert_changes_nothing_but_the_nonce(alice: Person, token: str | None, attempt: str | None, code: str) -> None:
    before = rows()
    assert_refused(next_of(alice, token, attempt), 401, code)
    assert rows() == before


def test_after_a_reuse_the_device_is_asked_for_a_new_key(alice: Person) -> None:
    assert_refused(previous_by(A, B)(alice), 401, "refresh_reuse_detected")
    answer = accept(send(alice.transport, get_token(alice.phone)))
    assert (answer.json["rekey"], answer.json["user"]) == (True, None)
    assert accept(next_of(alice, answer.json["refresh"], A)).json["rekey"] is True
    # The client does as it is asked; then nobody asks any more.
    accept(alice.phone.get_token())
    assert alice.phone.state.key_id == f"dev:{alice.phone.state.device_id}:2"
    assert accept(alice.phone.refresh()).json["rekey"] is False
    # And the person signs in again.
    assert accept(alice.phone.sign_in(alice.email, PASSWORD)).json["user"]["id"] == str(alice.user.id)


def test_first_to_rotate_keeps_the_device_and_the_other_registers_anew(alice: Person) -> None:
    """Two that hold one device's key cannot both be right; the key they share dies."""
    thief = Client(
        BASE_URL,
        alice.phone._app_signer[0].removeprefix("app:"),
        "",
        transport=alice.transport,
        sleep=lambda _: None,
    )
    thief._app_signer, thief._clock = alice.phone._app_signer, alice.phone._clock
    thief._delivery._clock = alice.phone._clock
    thief._store(alice.phone.state)
    accept(thief.refresh())
    answer = accept(alice.phone.refresh())  # reuse; then get-token, which asks for a new key; then rotation
    assert answer.json["user"] is None
    accept(alice.phone.get_token())  # the new key's first use
    assert Device.objects.get(id=alice.phone.state.device_id).generation == 2

    assert_refused(send(alice.transport, refresh(thief, attempt=B)), 401, "key_superseded")
    accept(thief.refresh())
    assert thief.state.device_id != alice.phone.state.device_id
    assert accept(thief.request("GET", "auth/check/")).json["user"] is None


# -- what is refused without being a reuse


def mutilated(token: str) -> dict[str, str]:
    prefix, session_id, counter, mac = token.split(".")
    other = "A" if mac[0] != "A" else "B"
    twin = mac[:-1] + chr(ord(mac[-1]) + 1)  # the same bytes where the last character has spare bits
    return {
        "counter up": f"{prefix}.{session_id}.{int(counter) + 1}.{mac}",
        "counter far up": f"{prefix}.{session_id}.{10**9}.{mac}",
        "counter huge": f"{prefix}.{session_id}.{'9' * 60}.{mac}",
        "counter negative": f"{prefix}.{session_id}.-1.{mac}",
        "counter padded": f"{prefix}.{session_id}.0{counter}.{mac}",
        "counter in other digits": f"{prefix}.{session_id}.\u0660.{mac}",
        "counter empty": f"{prefix}.{session_id}..{mac}",
        "session of nobody": f"{prefix}.{uuid.UUID(int=7)}.{counter}.{mac}",
        "session in capitals": f"{prefix}.{session_id.upper()}.{counter}.{mac}",
        "session without hyphens": f"{prefix}.{session_id.replace('-', '')}.{counter}.{mac}",
        "no session": f"{prefix}..{counter}.{mac}",
        "mac changed": f"{prefix}.{session_id}.{counter}.{other}{mac[1:]}",
        "mac cut": f"{prefix}.{session_id}.{counter}.{mac[:-1]}",
        "mac padded": f"{token}=",
        "mac with a twin": f"{prefix}.{session_id}.{counter}.{twin}",
        "mac empty": f"{prefix}.{session_id}.{counter}.",
        "another version": f"rt2.{session_id}.{counter}.{mac}",
        "three parts": f"{prefix}.{session_id}.{counter}",
        "five parts": f"{token}.x",
        "a space": f" {token}",
        "a line feed": f"{token}\n",
        "a word": "refresh",
        "dots": "...",
        "long": f"{prefix}.{session_id}.{counter}.{mac * 3}",
    }


def test_forged_token_is_invalid_and_harms_nobody(alice: Person, subtests: pytest.Subtests) -> None:
    for which, forged in mutilated(alice.phone.state.refresh or "").items():
        with subtests.test(which=which):
            assert_changes_nothing_but_the_nonce(alice, forged, A, "token_invalid")
    accept(next_of(alice, attempt=A))


def test_access_token_is_no_refresh_token(alice: Person) -> None:
    access = alice.phone.state.access or ""
    before = rows()
    given = refresh(alice.phone, access[:200])
    assert_refused(send(alice.transport, given), 401, "token_invalid")
    # Whole, it is longer than a refresh token can be.
    assert_refused(send(alice.transport, refresh(alice.phone, access)), 400, "invalid_input")
    assert rows() == before


def test_token_of_another_device_is_invalid_and_harms_nobody(alice: Person, bob: Person) -> None:
    before = rows()
    given = refresh(bob.phone, alice.phone.state.refresh, A)
    assert_refused(send(bob.transport, given), 401, "token_invalid")
    assert rows() == before
    accept(next_of(alice))
    accept(next_of(bob))


def test_unsigned_token_is_worth_nothing(alice: Person) -> None:
    """Not even with the access token of its session."""
    given = refresh(alice.phone, attempt=A)
    headers = {"Signature": None, "Signature-Input": None, "Content-Digest": None}
    assert_changes_nothing(alice.transport, given.with_headers(headers), 401, "signature_missing")
    bearer = given.with_headers({**headers, "Authorization": f"Bearer {alice.phone.state.access}"})
    assert_changes_nothing(alice.transport, bearer, 401, "signature_missing")


def test_token_in_another_place_is_not_looked_for(alice: Person) -> None:
    token = alice.phone.state.refresh
    given = draft(alice.phone.state.signer, "POST", f"auth/refresh-token/?refresh={token}", {})
    before = rows()
    assert_refused(send(alice.transport, given), 400, "unknown_parameter")
    body = f"refresh={token}".encode()
    given = draft(
        alice.phone.state.signer,
        "POST",
        "auth/refresh-token/",
        body,
        content_type="application/x-www-form-urlencoded",
    )
    assert_refused(send(alice.transport, given), 415, "unsupported_media_type")
    given = draft(alice.phone.state.signer, "POST", "auth/refresh-token/", {})
    cookie = given.with_headers({"Cookie": f"refresh={token}", "Authorization": f"Bearer {token}"})
    assert_refused(send(alice.transport, cookie), 400, "invalid_input")
    assert rows() == before


def test_other_bodies_are_refused(alice: Person, subtests: pytest.Subtests) -> None:
    for body in [
        {},
        {"refresh": None},
        {"refresh": ""},
        {"refresh": 1},
        {"refresh": ["x"]},
        {"refresh": "x" * 201},
        {"refresh": "a\u0000b"},
        {"refresh": "x", "attempt": None},
        {"refresh": "x", "attempt": ""},
        {"refresh": "x", "attempt": "A" * 21},
        {"refresh": "x", "attempt": "A" * 23},
        {"refresh": "x", "attempt": "A" * 21 + "B"},
        {"refresh": "x", "attempt": "A" * 21 + "="},
        {"refresh": "x", "attempt": "A" * 21 + "+"},
        {"refresh": "x", "attempt": 1},
        {"refresh": "x", "attempt": ["A" * 22]},
        {"refresh": "x", "device_id": "x"},
        [],
        None,
        "x",
    ]:
        with subtests.test(body=body):
            before = rows()
            given = draft(alice.phone.state.signer, "POST", "auth/refresh-token/", json.dumps(body).encode())
            answer = send(alice.transport, given)
            assert_refused(answer, 400, "invalid_input")
            assert rows() == before


def test_signed_out_session_is_over(alice: Person) -> None:
    old = alice.phone.state.refresh
    alice.phone.sign_out()
    assert_changes_nothing_but_the_nonce(alice, old, A, "token_revoked")


def test_superseded_session_is_not_refreshed(new_phone: MakePhone, bob: Person) -> None:
    """Its answer may be asked for again; it itself is over."""
    phone, transport = new_phone()
    phone.get_token()
    old = phone.state.refresh
    accept(phone.sign_in(bob.email, PASSWORD))
    before = rows()
    assert_refused(send(transport, refresh(phone, old, A)), 401, "token_revoked")
    assert rows() == before
    accept(phone.refresh())


def test_deactivated_person_is_shut_out(alice: Person) -> None:
    old = alice.phone.state.refresh
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    assert_changes_nothing_but_the_nonce(alice, old, A, "token_revoked")
    commit(auth.reactivate_person, callers.command(), user_id=alice.user.id)
    assert_changes_nothing_but_the_nonce(alice, old, A, "token_revoked")
    assert accept(send(alice.transport, get_token(alice.phone))).json["user"] is None


def test_session_opened_before_everything_was_to_end_is_over(alice: Person) -> None:
    """`auth_version` moves with whatever must end all sessions, such as a new password."""
    alice.user.auth_version += 1
    alice.user.save(update_fields=["auth_version"])
    assert_changes_nothing_but_the_nonce(alice, None, A, "token_revoked")
    assert accept(send(alice.transport, get_token(alice.phone))).json["user"] is None


def test_revoked_device_is_told_so(alice: Person) -> None:
    commit(onboarding.revoke_device, callers.command(), device_id=uuid.UUID(alice.phone.state.device_id))
    before = rows()
    assert_refused(next_of(alice), 403, "device_revoked")
    assert rows() == before


def test_session_idle_for_more_than_30_days_has_expired(alice: Person, clock: Clock) -> None:
    clock.shift(timedelta(days=30))
    old = accept(next_of(alice)).json["refresh"]
    clock.shift(timedelta(days=30, seconds=1))
    assert_changes_nothing_but_the_nonce(alice, old, A, "session_expired")
    assert_changes_nothing_but_the_nonce(alice, old, A, "session_expired")


def test_session_older_than_180_days_has_expired(alice: Person, clock: Clock) -> None:
    token = None
    for _ in range(6):
        clock.shift(timedelta(days=30))
        token = accept(next_of(alice, token)).json["refresh"]
    clock.shift(1)
    assert_changes_nothing_but_the_nonce(alice, token, A, "session_expired")


def test_reuse_of_an_expired_session_is_an_expired_session(alice: Person, clock: Clock) -> None:
    old = alice.phone.state.refresh
    accept(next_of(alice, old, A))
    clock.shift(timedelta(days=31))
    assert_changes_nothing_but_the_nonce(alice, old, B, "session_expired")


def test_each_device_has_its_own_rate(alice: Person, bob: Person, settings: Settings) -> None:
    lower_rates(settings, refresh=3)
    old = alice.phone.state.refresh
    statuses = [next_of(alice, old, A).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert session_of(alice).refresh_counter == 1
    assert next_of(bob).status == 200
    # The other token endpoint has another budget: a phone that refreshed too often still gets its tokens.
    accept(send(alice.transport, get_token(alice.phone)))


def session_of(person: Person) -> Session:
    return Session.objects.get(id=person.phone.state.session_id)


def test_refresh_uses_up_no_nonce_of_another_call(alice: Person) -> None:
    given = refresh(alice.phone, attempt=A)
    accept(send(alice.transport, given))
    # The same bytes again are a replay; the same attempt, signed anew, is not.
    assert_changes_nothing(alice.transport, given, 401, "nonce_replayed")
    accept(next_of(alice, attempt=A))


def test_body_is_what_was_signed(alice: Person, bob: Person) -> None:
    given = refresh(alice.phone, attempt=A)
    changed = replace(given, body=given.body.replace(A.encode(), B.encode()))
    before = rows()
    assert_refused(send(alice.transport, changed), 400, "digest_mismatch")
    assert rows() == before


def test_default_lifetimes_are_those_of_the_documentation() -> None:
    assert configured.ACCESS_TOKEN_SECONDS == 900
    assert timedelta(seconds=configured.REFRESH_IDLE_SECONDS).days == 30
    assert timedelta(seconds=configured.SESSION_MAX_SECONDS).days == 180
