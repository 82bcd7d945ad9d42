"""`POST token/pair/`: signing in. Whoever does not get in learns nothing but that."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import hashers
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.crypto import pbkdf2
from handset_client import Answer
from handset_client.outcomes import accept
from pytest_django import Settings

from api.apis.auth import services as auth
from api.apis.auth.services import failures
from api.models import AuditEntry, Device, EndReason, Outcome, Session, SignInFailures, Trust, User
from api.platform import callers
from api.platform.passwords import Argon2id, Pbkdf2
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import (
    Draft,
    MakePhone,
    assert_changes_nothing,
    assert_refused,
    commit,
    get_token,
    lower_rates,
    rows,
    send,
    with_token,
)
from tests.conftest import PASSWORD, Person
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PhoneOnWire = tuple[Phone, InProcess]
Clock = time_machine.Traveller
WRONG = "correct horse battery stapel"
NOBODY = "nobody@example.com"
MINUTE = 60


@pytest.fixture
def device(new_phone: MakePhone) -> PhoneOnWire:
    """A phone on which nobody ever signed in, in a session that has been used."""
    return another(new_phone)


def another(new_phone: MakePhone) -> PhoneOnWire:
    phone, transport = new_phone()
    accept(phone.request("GET", "auth/check/"))
    return phone, transport


def sign_in(device: PhoneOnWire, email: Any, password: Any = PASSWORD, *, token: str = "") -> Answer:
    phone, transport = device
    body = {"email": email, "password": password}
    return with_token(transport, "POST", "token/pair/", token or phone.state.access or "", body)


def on_own_phone(person: Person) -> PhoneOnWire:
    return person.phone, person.transport


def test_person_gets_a_session_on_this_device(device: PhoneOnWire, alice: Person) -> None:
    before = device[0].state.session_id
    answer = sign_in(device, alice.email)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json["user"]["id"] == str(alice.user.id)
    assert answer.json["device"]["id"] == device[0].state.device_id
    session = Session.objects.get(id=answer.json["session_id"])
    assert (session.amr, str(session.device_id)) == (["pwd"], device[0].state.device_id)
    old = Session.objects.get(id=before)
    assert (old.live_device_id, old.successor_id) == (None, session.id)
    assert accept(with_token(device[1], "GET", "users/me/", answer.json["access"])).json["email"] == alice.email
    # The person's session on the other phone is as it was.
    assert accept(alice.get("users/me/")).json["email"] == alice.email


def test_it_is_audited(device: PhoneOnWire, alice: Person) -> None:
    sign_in(device, alice.email, WRONG)
    accept(sign_in(device, alice.email))
    failed, succeeded = AuditEntry.objects.filter(device_id=device[0].state.device_id, action__startswith="auth.")
    assert (failed.action, failed.outcome, failed.target_id) == (
        "auth.sign_in_failed",
        Outcome.REFUSED,
        str(alice.user.id),
    )
    assert (succeeded.action, succeeded.on_behalf_of) == ("auth.signed_in", str(alice.user.id))
    assert User.objects.get(id=alice.user.id).last_login is not None


@pytest.mark.parametrize("spell", [str.upper, str.title, lambda email: f" {email} "], ids=["upper", "title", "spaces"])
def test_address_is_the_same_in_every_case(device: PhoneOnWire, alice: Person, spell: Callable[[str], str]) -> None:
    assert accept(sign_in(device, spell(alice.email))).json["user"]["email"] == alice.email


# -- one refusal for everybody


def wrong_password(alice: Person) -> tuple[str, str]:
    return alice.email, WRONG


def unknown_address(alice: Person) -> tuple[str, str]:
    return NOBODY, PASSWORD


def deactivated_person(alice: Person) -> tuple[str, str]:
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    return alice.email, PASSWORD


def locked_account(alice: Person) -> tuple[str, str]:
    locked = {"window_started_at": timezone.now(), "locked_until": timezone.now() + timedelta(minutes=15), "locks": 1}
    SignInFailures.objects.create(key=failures.key_of(alice.email, None), **locked)
    return alice.email, PASSWORD


def person_without_a_password(alice: Person) -> tuple[str, str]:
    alice.user.set_unusable_password()
    alice.user.save()
    return alice.email, PASSWORD


def person_with_a_broken_password(alice: Person) -> tuple[str, str]:
    User.objects.filter(id=alice.user.id).update(password="")
    return alice.email, "x"


REFUSED = [
    wrong_password,
    unknown_address,
    deactivated_person,
    locked_account,
    person_without_a_password,
    person_with_a_broken_password,
]


def comparable(answer: Answer) -> tuple[Any, ...]:
    body = {name: value for name, value in answer.json.items() if name != "request_id"}
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status, body, headers


@pytest.mark.parametrize("prepare", REFUSED)
def test_every_refusal_is_the_same(
    device: PhoneOnWire, alice: Person, prepare: Callable[[Person], tuple[str, str]]
) -> None:
    model = sign_in(device, "somebody-else@example.com")
    assert_refused(model, 401, "invalid_credentials")
    limits = {"x-ratelimit-remaining", "ratelimit"}
    status, body, headers = comparable(sign_in(device, *prepare(alice)))
    expected_status, expected_body, expected_headers = comparable(model)
    assert (status, body) == (expected_status, expected_body)
    assert headers.keys() == expected_headers.keys()
    assert {n: v for n, v in headers.items() if n not in limits} == {
        n: v for n, v in expected_headers.items() if n not in limits
    }


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every use of the password hasher, as it happens."""
    used: list[str] = []
    for name in ("encode", "verify", "harden_runtime"):
        original = getattr(Argon2id, name)

        def spy(self: Argon2id, *args: Any, original: Any = original, name: str = name, **kwargs: Any) -> Any:
            used.append(name)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Argon2id, name, spy)
    return used


@pytest.mark.parametrize("prepare", [lambda alice: (alice.email, PASSWORD), *REFUSED], ids=["right", *(prepare.__name__ for prepare in REFUSED)])  # fmt: skip
def test_every_attempt_hashes_once(
    device: PhoneOnWire, alice: Person, prepare: Callable[[Person], tuple[str, str]], hashes: list[str]
) -> None:
    """What takes long takes as long for everybody."""
    credentials = prepare(alice)
    hashes.clear()
    sign_in(device, *credentials)
    assert len(hashes) == 1


def test_repeat_of_a_lost_answer_hashes_once(device: PhoneOnWire, alice: Person, hashes: list[str]) -> None:
    accept(sign_in(device, alice.email))
    hashes.clear()
    accept(sign_in(device, alice.email))
    assert len(hashes) == 1


@pytest.mark.parametrize("old", [{"hasher": "pbkdf2_sha256"}, {}], ids=["another-kind", "other-parameters"])
def test_a_right_password_is_stored_as_it_would_be_today(
    device: PhoneOnWire, alice: Person, old: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(Argon2id, "time_cost", Argon2id.time_cost + 1)
        stored = make_password(PASSWORD, **old)
    User.objects.filter(id=alice.user.id).update(password=stored)
    assert_refused(sign_in(device, alice.email, WRONG), 401, "invalid_credentials")
    assert User.objects.get().password == stored
    accept(sign_in(device, alice.email))
    renewed = User.objects.get().password
    assert renewed.split("$")[:4] == make_password(PASSWORD).split("$")[:4] != stored.split("$")[:4]
    accept(sign_in(device, alice.email))
    assert User.objects.get().password == renewed


def imported(person: Person, iterations: int = 3) -> None:
    """Gives a person a password that was hashed elsewhere."""
    User.objects.filter(id=person.user.id).update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations))


@pytest.mark.parametrize("whose", ["theirs", "of-a-person-from-here", "of-nobody", "of-a-locked-account"])
def test_a_refusal_costs_as_much_as_the_slowest_kind_of_password(
    device: PhoneOnWire,
    alice: Person,
    bob: Person,
    whose: str,
    hashes: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the time would tell whose account came from elsewhere; and of a locked one, which password is right."""
    imported(alice)
    credentials = {
        "theirs": (alice.email, WRONG),
        "of-a-person-from-here": (bob.email, WRONG),
        "of-nobody": (NOBODY, WRONG),
        "of-a-locked-account": locked_account(alice) if whose == "of-a-locked-account" else ("", ""),
    }[whose]
    derived: list[int] = []

    def derive(*args: Any, **kwargs: Any) -> bytes:
        derived.append(args[2])
        return pbkdf2(*args, **kwargs)

    monkeypatch.setattr(hashers, "pbkdf2", derive)
    monkeypatch.setattr(Pbkdf2, "iterations", 8)
    hashes.clear()
    assert_refused(sign_in(device, *credentials), 401, "invalid_credentials")
    assert (len(hashes), sum(derived)) == (1, 8)


def test_nobody_pays_for_passwords_from_elsewhere_when_the_last_is_gone(
    device: PhoneOnWire, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(alice)
    accept(sign_in(device, alice.email))

    def derive(*args: Any, **kwargs: Any) -> bytes:
        raise AssertionError

    monkeypatch.setattr(hashers, "pbkdf2", derive)
    assert_refused(sign_in(device, NOBODY, WRONG), 401, "invalid_credentials")


def test_every_refusal_asks_the_database_the_same(device: PhoneOnWire, alice: Person) -> None:
    """Strangers do not learn from time either."""
    counts = []
    for email, password in ((NOBODY, WRONG), (alice.email, WRONG)):
        sign_in(device, email, password)  # so that both have a count already
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert_refused(sign_in(device, email, password), 401, "invalid_credentials")
        counts.append([query["sql"].split(" ")[0] for query in queries])
    assert counts[0] == counts[1]


# -- lockout


def fail(device: PhoneOnWire, email: str, times: int = 1) -> None:
    for _ in range(times):
        assert_refused(sign_in(device, email, WRONG), 401, "invalid_credentials")


def test_ten_failures_lock_the_account_for_strange_devices(device: PhoneOnWire, alice: Person, clock: Clock) -> None:
    fail(device, alice.email, 10)
    before = AuditEntry.objects.filter(action="auth.signed_in").count()
    assert_refused(sign_in(device, alice.email), 401, "invalid_credentials")
    clock.shift(15 * MINUTE - 1)
    device[0].get_token()
    assert_refused(sign_in(device, alice.email), 401, "invalid_credentials")
    assert AuditEntry.objects.filter(action="auth.signed_in").count() == before
    clock.shift(1)
    device[0].get_token()
    accept(sign_in(device, alice.email))


def test_nine_failures_lock_nothing(device: PhoneOnWire, alice: Person) -> None:
    fail(device, alice.email, 9)
    accept(sign_in(device, alice.email))
    assert not AuditEntry.objects.filter(action="auth.account_locked").exists()


def test_lock_is_audited_once_whether_or_not_there_is_such_an_account(device: PhoneOnWire, alice: Person) -> None:
    for email in (alice.email, NOBODY):
        fail(device, email, 12)
    first, second = AuditEntry.objects.filter(action="auth.account_locked").values("outcome", "target_id", "changes")
    assert first == second == {"outcome": Outcome.REFUSED, "target_id": "", "changes": {"seconds": [None, 900]}}


def test_strange_devices_are_counted_together(alice: Person, new_phone: MakePhone) -> None:
    """To change devices and addresses does not help."""
    for number in range(10):
        fail(another(lambda: new_phone(address=f"198.51.100.{number}")), alice.email)  # noqa: B023 -- called at once
    assert_refused(sign_in(another(new_phone), alice.email), 401, "invalid_credentials")


def test_known_device_is_not_locked_out_by_strangers(device: PhoneOnWire, alice: Person) -> None:
    fail(device, alice.email, 15)
    assert_refused(sign_in(device, alice.email), 401, "invalid_credentials")
    own = on_own_phone(alice)
    alice.phone.sign_out()
    accept(sign_in(own, alice.email))


def test_known_device_has_a_counter_of_its_own(device: PhoneOnWire, alice: Person) -> None:
    own = on_own_phone(alice)
    fail(own, alice.email, 10)
    assert_refused(sign_in(own, alice.email), 401, "invalid_credentials")
    # Which is nobody else's.
    accept(sign_in(device, alice.email))


def test_signing_in_makes_a_device_known(device: PhoneOnWire, alice: Person, new_phone: MakePhone) -> None:
    accept(device[0].sign_in(alice.email, PASSWORD))
    device[0].sign_out()
    fail(another(new_phone), alice.email, 10)
    accept(device[0].sign_in(alice.email, PASSWORD))


def test_device_of_whoever_signed_up_before_is_a_stranger(alice: Person, new_phone: MakePhone) -> None:
    """Somebody signed up with an address that is not theirs; its person has proved it. No counter of their own for that."""
    proved = another(new_phone)
    [mail] = received(alice.email)
    assert proved[0].request("POST", "auth/email/confirm/", {"token": mail.token}).status == 204
    assert failures.key_of(alice.email, alice.phone.state.device_id) == failures.key_of(alice.email, None)
    alice.phone.get_token()
    fail(on_own_phone(alice), alice.email, 10)
    assert AuditEntry.objects.filter(action="auth.account_locked").count() == 1
    fail(proved, alice.email, 1)
    assert SignInFailures.objects.count() == 1


def test_failures_that_are_far_apart_lock_nothing(device: PhoneOnWire, alice: Person, clock: Clock) -> None:
    for _ in range(3):
        fail(device, alice.email, 9)
        clock.shift(15 * MINUTE + 1)
        device[0].get_token()
    accept(sign_in(device, alice.email))


def test_lock_doubles_up_to_a_day(device: PhoneOnWire, alice: Person, clock: Clock, settings: Settings) -> None:
    settings.LOCKOUT_FAILURES = 2
    for minutes in (15, 30, 60, 120, 240, 480, 960, 1440, 1440):
        device[0].get_token()
        fail(device, alice.email, 2)
        clock.shift(minutes * MINUTE - 1)
        device[0].get_token()
        fail(device, alice.email)  # does not count while locked
        assert_refused(sign_in(device, alice.email), 401, "invalid_credentials")
        clock.shift(1)
    device[0].get_token()
    accept(sign_in(device, alice.email))


def test_success_starts_over(device: PhoneOnWire, alice: Person, clock: Clock) -> None:
    fail(device, alice.email, 10)
    clock.shift(15 * MINUTE)
    device[0].get_token()
    accept(device[0].sign_in(alice.email, PASSWORD))
    assert set(SignInFailures.objects.values_list("failures", "locks", "locked_until")) == {(0, 0, None)}


def test_unknown_address_is_locked_like_any_other(device: PhoneOnWire, alice: Person) -> None:
    """Otherwise ten guesses would tell whether somebody is there."""
    fail(device, NOBODY, 12)
    fail(device, alice.email, 12)
    counts = SignInFailures.objects.values_list("failures", "locks", "locked_until")
    assert len(counts) == 2
    assert len(set(counts)) == 1


def test_counters_hold_no_address(device: PhoneOnWire, alice: Person) -> None:
    fail(device, alice.email)
    fail(device, NOBODY)
    stored = repr(list(SignInFailures.objects.values_list()))
    assert NOBODY not in stored
    assert alice.email not in stored


def test_old_counters_are_swept(device: PhoneOnWire, alice: Person, clock: Clock) -> None:
    fail(device, alice.email)
    clock.shift(47 * 3600)
    assert auth.forget_old_failures() == 0
    clock.shift(2 * 3600)
    assert auth.forget_old_failures() == 1


def test_guesses_against_one_account_have_a_rate(alice: Person, new_phone: MakePhone, settings: Settings) -> None:
    devices = [another(new_phone) for _ in range(4)]
    lower_rates(settings, auth_token=3)
    for email in (alice.email, NOBODY):
        answers = [sign_in(device, email, WRONG) for device in devices]
        assert [answer.status for answer in answers] == [401, 401, 401, 429]
        # What is left for the account would tell a stranger about other people's attempts.
        told = {answer.headers["x-ratelimit-remaining"] for answer in answers[:3]}
        assert told == ({"2"} if email == alice.email else {"1"})
        assert all("auth_account" not in str(answer.headers) for answer in answers)


def test_one_device_has_a_rate(device: PhoneOnWire, settings: Settings) -> None:
    lower_rates(settings, auth_token=3)
    statuses = [sign_in(device, f"somebody-{number}@example.com", WRONG).status for number in range(4)]
    assert statuses == [401, 401, 401, 429]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 5000, b'{"email":1,"email":2}'])
def test_what_cannot_be_read_is_counted_too(device: PhoneOnWire, settings: Settings, content: bytes) -> None:
    lower_rates(settings, auth_token=3)
    headers = {"Authorization": f"Bearer {device[0].state.access}", "Content-Type": "application/json"}
    given = Draft("POST", f"{BASE_URL}/api/v1/token/pair/", headers, content)
    answers = [send(device[1], given) for _ in range(4)]
    assert [answer.code for answer in answers] == ["malformed_body"] * 3 + ["throttled"]


def attested(device: PhoneOnWire) -> PhoneOnWire:
    """The same phone, once Apple or Google has vouched for it."""
    Device.objects.filter(id=device[0].state.device_id).update(trust=Trust.STRONG)
    device[0].get_token()
    return device


def test_strangers_programs_do_not_use_up_what_phones_have(
    alice: Person, new_phone: MakePhone, settings: Settings
) -> None:
    """Whether or not there is such an account: who may go on tells nothing."""
    programs = [another(new_phone) for _ in range(4)]
    phones = [attested(another(new_phone)) for _ in range(4)]
    for email in (alice.email, NOBODY):
        lower_rates(settings, auth_token=3)
        assert [sign_in(device, email, WRONG).status for device in programs] == [401, 401, 401, 429]
        assert [sign_in(device, email, WRONG).status for device in phones] == [401, 401, 401, 429]


# -- lost answers


def test_lost_answer_is_given_again(device: PhoneOnWire, alice: Person) -> None:
    first = accept(sign_in(device, alice.email))
    for _ in range(3):
        again = accept(sign_in(device, alice.email))
        assert again.json["session_id"] == first.json["session_id"]
        assert again.json["refresh"] == first.json["refresh"]
    assert accept(send(device[1], get_token(device[0]))).json["session_id"] == first.json["session_id"]
    accept(with_token(device[1], "GET", "auth/check/", first.json["access"]))
    assert_refused(sign_in(device, alice.email), 401, "token_revoked")


def test_lost_answer_is_nobody_elses(device: PhoneOnWire, alice: Person, bob: Person) -> None:
    accept(sign_in(device, alice.email))
    before = rows()["Session"]
    assert_refused(sign_in(device, alice.email, WRONG), 401, "invalid_credentials")
    assert_refused(sign_in(device, bob.email), 401, "token_revoked")
    assert rows()["Session"] == before


def test_deactivated_meanwhile_the_lost_answer_is_gone(device: PhoneOnWire, alice: Person) -> None:
    accept(sign_in(device, alice.email))
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    assert_refused(sign_in(device, alice.email), 401, "invalid_credentials")
    assert accept(send(device[1], get_token(device[0]))).json["user"] is None


def test_phone_that_loses_answers_ends_signed_in(device: PhoneOnWire, alice: Person) -> None:
    phone, transport = device
    transport.lose_next = 3
    assert accept(phone.sign_in(alice.email, PASSWORD)).json["user"]["email"] == alice.email
    assert accept(phone.request("GET", "users/me/")).json["email"] == alice.email


# -- one person after the other


def test_other_person_takes_the_device_over(alice: Person, bob: Person) -> None:
    old = alice.phone.state.access or ""
    answer = accept(alice.phone.sign_in(bob.email, PASSWORD))
    assert answer.json["user"]["id"] == str(bob.user.id)
    assert accept(alice.phone.request("GET", "users/me/")).json["email"] == bob.email
    assert_refused(with_token(alice.transport, "GET", "users/me/", old), 401, "token_revoked")
    assert Session.objects.filter(device_id=alice.phone.state.device_id, live_device__isnull=False).count() == 1


def test_person_has_at_most_twenty_sessions(alice: Person, new_phone: MakePhone, clock: Clock) -> None:
    first = alice.phone.state.session_id
    for number in range(20):
        clock.shift(1)
        phone, _ = new_phone()
        accept(phone.sign_in(alice.email, PASSWORD))
        assert Session.objects.filter(user=alice.user, live_device__isnull=False).count() == min(number + 2, 20)
    ended = Session.objects.get(id=first)
    assert (ended.end_reason, ended.live_device_id) == (EndReason.TOO_MANY, None)


# -- what is refused


def test_other_bodies_are_refused(device: PhoneOnWire, subtests: pytest.Subtests) -> None:
    phone, transport = device
    before = rows()
    for body in (
        {}, [], None, 1, "x", {"email": NOBODY}, {"password": PASSWORD}, {"email": None, "password": None},
        {"email": NOBODY, "password": ""}, {"email": NOBODY, "password": 1}, {"email": [NOBODY], "password": PASSWORD},
        {"email": {"a": NOBODY}, "password": PASSWORD}, {"email": "x" * 1_000_000, "password": PASSWORD},
        {"email": NOBODY, "password": "x" * 257}, {"email": NOBODY, "password": "a\0b"},
        {"email": NOBODY, "password": PASSWORD, "user": 1}, {"email": "nobody", "password": PASSWORD},
    ):  # fmt: skip
        with subtests.test(body=json.dumps(body)[:60]):
            answer = with_token(transport, "POST", "token/pair/", phone.state.access or "", body)
            if body is None:
                answer = send(
                    transport,
                    Draft(
                        "POST",
                        f"{BASE_URL}/api/v1/token/pair/",
                        {"Authorization": f"Bearer {phone.state.access}", "Content-Type": "application/json"},
                        b"null",
                    ),
                )
            assert_refused(answer, 400, "invalid_input")
    assert rows() == before


def test_it_takes_a_device(device: PhoneOnWire, alice: Person) -> None:
    body = json.dumps({"email": alice.email, "password": PASSWORD}).encode()
    given = Draft("POST", f"{BASE_URL}/api/v1/token/pair/", {"Content-Type": "application/json"}, body)
    assert_changes_nothing(device[1], given, 401, "token_missing")
