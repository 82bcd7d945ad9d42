"""Signing in by a mailed code: on the device that asked, once, in few tries; and nobody learns who has an account."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.models import (
    AuditEntry,
    Device,
    EndReason,
    MailedProof,
    Membership,
    OutboxMessage,
    Session,
    Trust,
    User,
)
from api.platform import callers, state
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone, commit, lower_rates
from tests.conftest import PASSWORD, Person
from tests.http.answers import problem_of
from tests.phones import Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ADA = "Ada@Example.com"


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    lower_rates(settings, magic=1000, auth_token=1000, data_modification=1000, burst=1000)


def ask(phone: Phone, email: str = ADA) -> Answer:
    return phone.request("POST", "auth/magic/request/", {"email": email})


def verify(phone: Phone, token: str, **more: Any) -> Answer:
    return phone.request("POST", "auth/magic/verify/", {"token": token, **more})


def adopt(phone: Phone, answer: Answer) -> Answer:
    """Has the phone go on with the tokens of an answer."""
    phone._adopt(answer)
    return answer


def refused(answer: Answer) -> None:
    problem_of(answer, 400, "invalid_or_expired")


def test_a_code_makes_a_person_with_a_proved_address(phone: Phone) -> None:
    asked = ask(phone)
    assert (asked.status, asked.json) == (202, {})
    [mail] = received()
    assert mail.to == ADA
    answer = adopt(phone, accept(verify(phone, mail.code)))
    person = User.objects.get()
    assert (person.email, person.is_email_confirmed, person.is_guest) == (ADA, True, False)
    assert not person.has_usable_password()
    assert answer.json["user"]["id"] == str(person.id)
    assert Membership.objects.filter(user=person, organization__personal_of=person, role="owner").count() == 1
    assert phone.request("GET", "users/me/").json["email"] == ADA
    assert Session.objects.get(user=person).amr == ["otp"]


def test_a_code_signs_in_who_has_an_account_at_the_stored_address(alice: Person, new_phone: MakePhone) -> None:
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    received()  # the confirmation of the sign-up
    phone, _ = new_phone()
    ask(phone, alice.email.upper())
    [mail] = received(alice.email)
    answer = accept(verify(phone, mail.code))
    assert answer.json["user"]["id"] == str(alice.user.id)
    assert alice.get("users/me/").status == 200  # the other phone goes on


def test_the_links_token_is_as_good_as_the_code(phone: Phone) -> None:
    ask(phone)
    [mail] = received()
    assert accept(verify(phone, mail.token)).json["user"]["email"] == ADA
    adopt(phone, accept(verify(phone, mail.token)))
    phone.request("GET", "auth/check/")
    refused(verify(phone, mail.code))


@pytest.mark.parametrize("name", ["code", "token"])
def test_it_is_good_once_but_a_lost_answer_may_be_asked_for(phone: Phone, name: str) -> None:
    ask(phone)
    secret = getattr(received()[0], name)
    first = accept(verify(phone, secret))
    again = accept(verify(phone, secret))
    assert first.json["session_id"] == again.json["session_id"]
    adopt(phone, again)
    assert phone.request("GET", "auth/check/").status == 200
    refused(verify(phone, secret))
    assert User.objects.count() == 1


def test_it_is_good_on_the_device_that_asked_only(phone: Phone, new_phone: MakePhone) -> None:
    other, _ = new_phone()
    ask(phone)
    [mail] = received()
    for secret in (mail.code, mail.token):
        refused(verify(other, secret))
    assert not User.objects.exists()
    assert verify(phone, mail.code).status == 200


def test_a_new_code_voids_the_old_one(phone: Phone) -> None:
    ask(phone)
    old = received()[0].code
    ask(phone)
    new = received()[0].code
    refused(verify(phone, old))
    assert verify(phone, new).status == 200


def test_a_void_code_is_not_mailed(phone: Phone) -> None:
    ask(phone)
    ask(phone)
    assert len(received()) == 1


def test_it_runs_out(phone: Phone, clock: time_machine.Traveller) -> None:
    ask(phone)
    [mail] = received()
    clock.shift(15 * 60 + 1)
    refused(verify(phone, mail.code))
    refused(verify(phone, mail.token))


def test_five_wrong_tries_make_it_void(phone: Phone) -> None:
    ask(phone)
    [mail] = received()
    wrong = f"{(int(mail.code) + 1) % 10**8:08d}"
    for _ in range(5):
        refused(verify(phone, wrong))
    refused(verify(phone, mail.code))
    assert MailedProof.objects.get().attempts == 5


@pytest.mark.parametrize(
    "given", ["0000000", "000000000", "０１２３４５６７", "abcdefgh", "x" * 43, "-" * 43, "A" * 43]
)
def test_other_forms_are_no_code(phone: Phone, given: str) -> None:
    ask(phone)
    received()
    refused(verify(phone, given))


def test_ten_mails_a_day_to_an_address_whoever_asks(new_phone: MakePhone, clock: time_machine.Traveller) -> None:
    for _ in range(4):
        phone, _ = new_phone()
        for _ in range(3):
            assert ask(phone).status == 202
            received_now = len(received())
    assert received_now == 0
    assert MailedProof.objects.count() == 10
    if state.is_configured():
        return  # it has a clock of its own
    clock.shift(timedelta(days=1).total_seconds() + 1)
    phone.get_token()
    ask(phone)
    assert len(received()) == 1


def used_up(new_phone: MakePhone, email: str) -> None:
    """Strangers have asked for all the codes that an address gets for them in a day."""
    for _ in range(10):
        ask(new_phone()[0], email)
    assert received(email)
    ask(new_phone()[0], email)
    assert received(email) == []


def test_strangers_use_up_no_mail_of_where_the_person_has_signed_in(phone: Phone, new_phone: MakePhone) -> None:
    ask(phone)
    [mail] = received(ADA)
    adopt(phone, accept(verify(phone, mail.code)))
    phone.sign_out()
    used_up(new_phone, ADA)
    for _ in range(11):
        ask(phone)
    assert MailedProof.objects.filter(asker=phone.state.device_id).count() == 10
    [mail] = received(ADA)
    assert accept(verify(phone, mail.code)).json["user"]["email"] == ADA


def test_strangers_programs_use_up_no_mail_of_phones_that_are_attested(new_phone: MakePhone) -> None:
    used_up(new_phone, ADA)
    phone, _ = new_phone()
    phone.get_token()
    Device.objects.filter(id=phone.state.device_id).update(trust=Trust.BASIC)
    phone.get_token()
    ask(phone)
    [mail] = received(ADA)
    assert accept(verify(phone, mail.code)).json["user"]["email"] == ADA


def test_whoever_signed_up_with_somebodys_address_mails_there_no_oftener(alice: Person, new_phone: MakePhone) -> None:
    received()
    used_up(new_phone, alice.email)
    ask(alice.phone, alice.email)
    assert received() == []


def test_who_is_shut_out_gets_no_mail_and_no_session(alice: Person, phone: Phone) -> None:
    received()  # the confirmation of the sign-up
    ask(phone, alice.email)
    [mail] = received()
    commit(auth.deactivate_person, callers.command(), user_id=alice.user.id)
    refused(verify(phone, mail.code))
    assert ask(phone, alice.email).status == 202
    assert received() == []


def test_known_and_unknown_addresses_are_answered_alike(alice: Person, new_phone: MakePhone) -> None:
    answers = []
    for email in (alice.email, "nobody@example.com"):
        phone, _ = new_phone()
        answer = ask(phone, email)
        told = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
        answers.append((answer.status, answer.body, told))
    assert answers[0] == answers[1]


def test_nothing_secret_is_stored_or_queued(phone: Phone) -> None:
    ask(phone)
    proof, message = MailedProof.objects.get(), OutboxMessage.objects.get(task="auth.mail_proof")
    [mail] = received()
    stored = repr([proof.__dict__, message.__dict__, list(AuditEntry.objects.values())])
    for secret in (mail.code, mail.token):
        assert secret not in stored
    assert message.arguments == {"proof_id": str(proof.id)}


def test_a_strangers_sign_up_with_the_address_is_undone(new_phone: MakePhone) -> None:
    """Somebody has registered the victim's address and waits. The victim's first code ends that."""
    attacker, _ = new_phone()
    adopt(attacker, accept(attacker.sign_up("victim@example.com", PASSWORD)))
    victim, _ = new_phone()
    ask(victim, "victim@example.com")
    code = next(mail.code for mail in received("victim@example.com") if "code" in mail.subject)
    adopt(victim, accept(verify(victim, code)))
    assert attacker.request("GET", "users/me/").code in {"token_revoked", "sign_in_required"}
    problem_of(
        attacker.request("POST", "token/pair/", {"email": "victim@example.com", "password": PASSWORD}),
        401,
        "invalid_credentials",
    )
    ended = Session.objects.get(end_reason=EndReason.ADDRESS_PROVED)
    assert str(ended.device_id) == attacker.state.device_id
    assert victim.request("GET", "users/me/").status == 200


def test_rate_is_counted_per_device_and_per_address(new_phone: MakePhone, settings: Any) -> None:
    lower_rates(settings, magic=3)
    phone, _ = new_phone()
    assert [ask(phone, f"a{number}@example.com").status for number in range(4)] == [202, 202, 202, 429]
    answers = [ask(new_phone()[0], "same@example.com").status for _ in range(4)]
    assert answers.count(429) == 1


def test_old_proofs_are_swept(phone: Phone, clock: time_machine.Traveller) -> None:
    ask(phone)
    clock.shift(timedelta(days=1).total_seconds())
    assert auth.forget_old_proofs() == 0
    clock.shift(timedelta(minutes=16).total_seconds())
    assert auth.forget_old_proofs() == 1


def test_debug_echo_is_for_debugging_only(phone: Phone, settings: Any) -> None:
    settings.MAGIC_LINK_DEBUG_ECHO_TOKEN = True
    assert ask(phone).json == {}
    settings.DEBUG = True
    code = ask(phone).json["debug_token"]
    assert verify(phone, code).status == 200
