"""Passwords: changed by who knows the one before, set anew by who reads the mail; and whoever was in is out."""

from typing import Any

import pytest
import time_machine
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.apis.auth.services import failures
from api.models import AuditEntry, EndReason, MailedProof, Notification, RefusalTally, Session, SignInFailures, User
from api.platform import callers
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone, commit, lower_rates
from tests.conftest import PASSWORD, Person
from tests.http.answers import errors_of, problem_of
from tests.phones import BASE_URL, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NEW = "a horse of another colour"


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    lower_rates(settings, magic=1000, auth_token=1000, data_modification=1000, burst=1000)


def change(phone: Phone, old: str | None = PASSWORD, new: str = NEW) -> Answer:
    body = {"new_password": new} if old is None else {"old_password": old, "new_password": new}
    return phone.request("POST", "auth/change-password/", body)


def can_sign_in(phone: Phone, email: str, password: str) -> bool:
    return phone.request("POST", "token/pair/", {"email": email, "password": password}).is_success


@pytest.fixture
def elsewhere(alice: Person, new_phone: MakePhone) -> Phone:
    """Another phone of alice's."""
    phone, _ = new_phone()
    accept(phone.sign_in(alice.email, PASSWORD))
    phone.request("GET", "users/me/")
    return phone


# -- changing


def test_a_change_keeps_this_session_and_ends_the_others(alice: Person, elsewhere: Phone, phone: Phone) -> None:
    alice.get("users/me/")
    before = alice.phone.state.session_id
    answer = accept(change(alice.phone))
    alice.phone._adopt(answer)
    assert answer.json["session_id"] == before
    assert alice.get("users/me/").status == 200
    assert alice.phone.refresh().is_success
    assert elsewhere.request("GET", "users/me/").code == "sign_in_required"
    assert Session.objects.filter(end_reason=EndReason.PASSWORD_CHANGED).count() == 1
    assert not can_sign_in(phone, alice.email, PASSWORD)
    assert can_sign_in(phone, alice.email, NEW)
    assert AuditEntry.objects.filter(action="auth.password_changed").count() == 1


def test_a_lost_answer_is_asked_for_again(alice: Person) -> None:
    alice.transport.lose_next = 2
    alice.phone._adopt(accept(change(alice.phone)))
    assert alice.get("users/me/").status == 200
    assert AuditEntry.objects.filter(action="auth.password_changed").count() == 1
    assert not SignInFailures.objects.filter(failures__gt=0).exists()


def test_it_takes_the_password_before(alice: Person) -> None:
    problem_of(change(alice.phone, "wrong"), 401, "invalid_credentials")
    problem_of(change(alice.phone, None), 401, "invalid_credentials")
    assert User.objects.get().check_password(PASSWORD)
    assert RefusalTally.objects.get(action="auth.proof_failed").times == 2


def test_guesses_are_counted_with_those_at_sign_in(alice: Person) -> None:
    for _ in range(10):
        problem_of(change(alice.phone, "wrong"), 401, "invalid_credentials")
    problem_of(change(alice.phone), 401, "invalid_credentials")
    assert SignInFailures.objects.get().locked_until is not None


def test_the_password_that_was_just_set_is_guessed_at_like_any_other(alice: Person) -> None:
    alice.phone._adopt(accept(change(alice.phone)))
    for _ in range(10):
        problem_of(change(alice.phone, "wrong", "wrong as well"), 401, "invalid_credentials")
    problem_of(change(alice.phone, "wrong", NEW), 401, "invalid_credentials")
    assert AuditEntry.objects.filter(action="auth.account_locked").count() == 1


def test_what_a_password_opened_is_shut_when_it_changes_meanwhile(
    alice: Person, new_phone: MakePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password was right when it was looked at, and another one was set before the session was opened."""
    phone, _ = new_phone()
    phone.get_token()
    real = failures.forgive

    def change_meanwhile(key: bytes) -> None:
        monkeypatch.setattr(failures, "forgive", real)
        real(key)
        alice.phone._adopt(accept(change(alice.phone)))

    monkeypatch.setattr(failures, "forgive", change_meanwhile)
    problem_of(
        phone.request("POST", "token/pair/", {"email": alice.email, "password": PASSWORD}), 401, "invalid_credentials"
    )
    assert Session.objects.filter(user=alice.user, live_device__isnull=False).count() == 1


@pytest.mark.parametrize("new", ["short", "12345678901", "password123", ""])
def test_weak_passwords_are_refused(alice: Person, new: str) -> None:
    assert set(errors_of(change(alice.phone, new=new))) == {"new_password"}
    assert User.objects.get().check_password(PASSWORD)


def test_people_without_a_password_prove_themselves_by_a_fresh_session(
    phone: Phone, clock: time_machine.Traveller
) -> None:
    accept(phone.request("POST", "auth/magic/request/", {"email": "ada@example.com"}))
    phone._adopt(accept(phone.request("POST", "auth/magic/verify/", {"token": received()[0].code})))
    clock.shift(10 * 60 + 1)
    phone.refresh()
    problem_of(change(phone, None), 403, "fresh_proof_required")
    accept(phone.request("POST", "auth/magic/request/", {"email": "ada@example.com"}))
    phone._adopt(accept(phone.request("POST", "auth/magic/verify/", {"token": received()[0].code})))
    phone._adopt(accept(change(phone, None)))
    assert User.objects.get().check_password(NEW)


# -- setting one anew


def ask(phone: Phone, email: str) -> Answer:
    return phone.request("POST", "auth/password-reset/request/", {"email": email})


def confirm(phone: Phone, token: str, new: str = NEW) -> Answer:
    return phone.request("POST", "auth/password-reset/confirm/", {"token": token, "new_password": new})


def token_for(phone: Phone, email: str) -> str:
    received()
    assert ask(phone, email).status == 202
    [mail] = received(email)
    assert mail.subject == "Set a new password"
    return mail.token


def test_a_mailed_link_sets_a_password_and_ends_everything(alice: Person, elsewhere: Phone, phone: Phone) -> None:
    token = token_for(phone, alice.email)
    assert confirm(phone, token).status == 204
    for other in (alice.phone, elsewhere):
        assert other.request("GET", "users/me/").code == "sign_in_required"
    assert can_sign_in(phone, alice.email, NEW)
    assert User.objects.get().is_email_confirmed
    problem_of(confirm(phone, token, f"{NEW}!"), 400, "invalid_or_expired")


def test_a_weak_password_does_not_use_the_link_up(alice: Person, phone: Phone) -> None:
    token = token_for(phone, alice.email)
    assert set(errors_of(confirm(phone, token, "short"))) == {"new_password"}
    assert confirm(phone, token).status == 204


def test_one_link_at_a_time(alice: Person, phone: Phone) -> None:
    first, second = (token_for(phone, alice.email) for _ in range(2))
    problem_of(confirm(phone, first), 400, "invalid_or_expired")
    assert confirm(phone, second).status == 204


def test_another_device_that_asks_voids_no_link_of_mine(alice: Person, new_phone: MakePhone) -> None:
    """Who asks for somebody's links all day long keeps nobody from using theirs; when one is used all are void."""
    mine, theirs = new_phone()[0], new_phone()[0]
    first, other = token_for(mine, alice.email), token_for(theirs, alice.email)
    assert confirm(mine, first).status == 204
    problem_of(confirm(theirs, other, f"{NEW}!"), 400, "invalid_or_expired")
    assert User.objects.get().check_password(NEW)


def test_a_person_is_told_that_their_password_was_changed(alice: Person, phone: Phone) -> None:
    """Whoever did it: with the password, or with a link."""
    received()
    alice.phone._adopt(accept(change(alice.phone)))
    [mail] = received()
    assert (mail.to, mail.subject) == (alice.email, "Your password was changed")
    assert "21 November 2026, 09:30 UTC" in mail.text
    token = token_for(phone, alice.email)
    assert confirm(phone, token).status == 204
    assert [mail.subject for mail in received(alice.email)] == ["Your password was changed"]
    assert list(Notification.objects.values_list("recipient", "type")) == [
        (alice.user.id, "auth.password_changed"),
        (alice.user.id, "auth.password_changed"),
    ]
    # What changed nothing is told to nobody.
    problem_of(confirm(phone, token), 400, "invalid_or_expired")
    assert received() == []


def test_a_link_runs_out(alice: Person, phone: Phone, clock: time_machine.Traveller) -> None:
    token = token_for(phone, alice.email)
    clock.shift(2 * 3600 + 1)
    phone.get_token()
    problem_of(confirm(phone, token), 400, "invalid_or_expired")


def test_a_changed_password_voids_the_link(alice: Person, phone: Phone) -> None:
    token = token_for(phone, alice.email)
    accept(change(alice.phone))
    problem_of(confirm(phone, token), 400, "invalid_or_expired")


def test_the_secret_of_another_purpose_is_no_link(alice: Person, phone: Phone) -> None:
    confirmation = received(alice.email)[0].token
    problem_of(confirm(phone, confirmation), 400, "invalid_or_expired")


def test_known_and_unknown_addresses_are_answered_alike(alice: Person, new_phone: MakePhone) -> None:
    received()
    answers = []
    for email in (alice.email, "nobody@example.com"):
        answer = ask(new_phone()[0], email)
        told = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
        answers.append((answer.status, answer.body, told))
    assert answers[0] == answers[1]
    assert [mail.to for mail in received()] == [alice.email]


def test_who_is_shut_out_is_not_let_in_by_a_link(alice: Person, phone: Phone) -> None:
    token = token_for(phone, alice.email)
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    problem_of(confirm(phone, token), 400, "invalid_or_expired")
    assert ask(phone, alice.email).status == 202
    assert received() == []


# -- everywhere


def test_signing_out_everywhere_ends_every_session(alice: Person, elsewhere: Phone) -> None:
    assert alice.post("auth/logout-all/").status == 204
    for phone in (alice.phone, elsewhere):
        assert phone.request("GET", "users/me/").code == "sign_in_required"
    assert Session.objects.filter(user=alice.user, ended_at=None).count() == 0


def test_a_session_that_is_over_signs_nobody_out(alice: Person, elsewhere: Phone) -> None:
    token = elsewhere.state.access
    elsewhere.sign_out()
    alice.get("users/me/")
    stale = alice.transport.call("POST", f"{BASE_URL}/api/v1/auth/logout-all/", {"Authorization": f"Bearer {token}"})
    assert stale.status == 204
    assert alice.get("users/me/").status == 200


def test_links_are_capped_for_an_address_whoever_asks(alice: Person, new_phone: MakePhone) -> None:
    received()
    for _ in range(12):
        assert ask(new_phone()[0], alice.email).status == 202
        assert alice.post("auth/email/confirm/request/").status == 202
    assert MailedProof.objects.filter(purpose="password_reset").count() == 10
    assert MailedProof.objects.filter(purpose="email_confirm").count() == 10
