"""Addresses: the first is confirmed, another one takes its place; by who reads the mail, and nobody else."""

from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone
from handset_client import Answer
from handset_client.outcomes import accept

from api.models import AuditEntry, EndReason, OutboxMessage, Session, SocialIdentity, User
from api.platform import mail as mail_door
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone, lower_rates, with_token
from tests.conftest import PASSWORD, Person
from tests.http.answers import errors_of, problem_of
from tests.phones import BASE_URL, Phone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NEW = "Augusta@example.org"


@pytest.fixture(autouse=True)
def _rates(settings: Any) -> None:
    lower_rates(settings, magic=1000, auth_token=1000, data_modification=1000, burst=1000)


@pytest.fixture
def outages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses to which no mail is taken at present."""
    unreachable: list[str] = []
    send = mail_door.send

    def refuse_some(mail: mail_door.Mail, *, reference: str) -> None:
        if mail.to in unreachable:
            raise mail_door.MailNotTaken
        send(mail, reference=reference)

    monkeypatch.setattr(mail_door, "send", refuse_some)
    return unreachable


def person_of(person: Person) -> User:
    return User.objects.get(id=person.user.id)


# -- confirming


def confirm(phone: Phone, token: str) -> Answer:
    return phone.request("POST", "auth/email/confirm/", {"token": token})


def test_signing_up_mails_a_link_that_confirms(alice: Person) -> None:
    [mail] = received(alice.email)
    assert not person_of(alice).is_email_confirmed
    assert confirm(alice.phone, mail.token).status == 204
    person = person_of(alice)
    assert person.is_email_confirmed
    assert person.check_password(PASSWORD)
    assert alice.get("users/me/").json["is_email_confirmed"] is True
    problem_of(confirm(alice.phone, mail.token), 400, "invalid_or_expired")


def test_a_link_may_be_asked_for_again_until_it_is_used(alice: Person) -> None:
    [first] = received(alice.email)
    assert alice.post("auth/email/confirm/request/").status == 202
    [second] = received(alice.email)
    problem_of(confirm(alice.phone, first.token), 400, "invalid_or_expired")
    confirm(alice.phone, second.token)
    assert alice.post("auth/email/confirm/request/").status == 202
    assert received() == []


def test_a_confirmation_from_elsewhere_removes_what_was_set_before(alice: Person, phone: Phone) -> None:
    """Who reads the mail need not be who signed up with the address."""
    [mail] = received(alice.email)
    assert confirm(phone, mail.token).status == 204
    person = person_of(alice)
    assert person.is_email_confirmed
    assert not person.has_usable_password()
    assert alice.get("users/me/").code in {"sign_in_required", "token_revoked"}
    assert Session.objects.filter(end_reason=EndReason.ADDRESS_PROVED).count() == 1


# -- changing


def change(person: Person, email: str = NEW, password: str | None = PASSWORD) -> Answer:
    body = {"email": email} if password is None else {"email": email, "current_password": password}
    return person.patch("auth/email/", body)


def verify(phone: Phone, token: str) -> Answer:
    return phone.request("POST", "auth/email/verify/", {"token": token})


def test_a_link_to_the_new_address_makes_it_the_accounts(alice: Person, new_phone: MakePhone) -> None:
    elsewhere, _ = new_phone()
    accept(elsewhere.sign_in(alice.email, PASSWORD))
    elsewhere.request("GET", "users/me/")
    received()
    assert change(alice).status == 202
    mails = {mail.to: mail for mail in received()}
    assert set(mails) == {alice.email, NEW}
    assert NEW in mails[alice.email].text
    assert "token=" not in mails[alice.email].text
    assert person_of(alice).email == alice.email
    assert verify(alice.phone, mails[NEW].token).status == 204
    person = person_of(alice)
    assert (person.email, person.is_email_confirmed) == (NEW, True)
    assert alice.get("users/me/").json["email"] == NEW
    assert elsewhere.request("GET", "users/me/").code == "sign_in_required"
    assert Session.objects.filter(end_reason=EndReason.EMAIL_CHANGED).count() == 1
    entry = AuditEntry.objects.get(action="auth.address_changed")
    assert NEW not in repr(entry.__dict__)
    problem_of(verify(alice.phone, mails[NEW].token), 400, "invalid_or_expired")


def test_the_address_before_is_told_however_quick_the_change_is(alice: Person, outages: list[str]) -> None:
    """A thief who has the password reads the new mailbox, and is quicker than a provider that fails at first."""
    received()
    outages.append(alice.email)
    change(alice)
    mails = {mail.to: mail for mail in received()}
    assert set(mails) == {NEW}
    assert (
        alice.post("auth/change-password/", {"old_password": PASSWORD, "new_password": f"{PASSWORD} 2"}).status == 200
    )
    change(alice, password=f"{PASSWORD} 2")
    [mail] = received(NEW)
    assert verify(alice.phone, mail.token).status == 204
    outages.clear()
    OutboxMessage.objects.filter(done_at=None).update(due_at=timezone.now())
    told = sorted(mail.subject for mail in received(alice.email))
    assert told == ["Your address is about to change", "Your password was changed"]
    assert received() == []


def test_from_elsewhere_it_leaves_no_other_way_into_the_account(alice: Person, phone: Phone) -> None:
    """Whoever reads the mail may be another one than asked for it: they would find themselves in a stranger's account,
    to which the stranger has a password and a provider.
    """
    SocialIdentity.objects.create(issuer="https://issuer.example", subject="1", user=alice.user, email=alice.email)
    received()
    change(alice)
    [mail] = received(NEW)
    assert verify(phone, mail.token).status == 204
    assert alice.get("users/me/").code in {"sign_in_required", "token_revoked"}
    person = person_of(alice)
    assert (person.email, person.has_usable_password()) == (NEW, False)
    assert not SocialIdentity.objects.exists()
    problem_of(
        alice.phone.request("POST", "token/pair/", {"email": NEW, "password": PASSWORD}), 401, "invalid_credentials"
    )
    told = AuditEntry.objects.filter(target_id=str(person.id)).values_list("action", flat=True)
    assert {"auth.address_changed", "auth.address_proved"} <= set(told)


def test_from_the_persons_own_session_it_leaves_everything(alice: Person) -> None:
    SocialIdentity.objects.create(issuer="https://issuer.example", subject="1", user=alice.user, email=alice.email)
    received()
    change(alice)
    [mail] = received(NEW)
    assert verify(alice.phone, mail.token).status == 204
    assert person_of(alice).check_password(PASSWORD)
    assert SocialIdentity.objects.count() == 1


def test_the_link_may_be_followed_by_the_app(alice: Person, phone: Phone) -> None:
    received()
    change(alice)
    [mail] = received(NEW)
    problem_of(alice.get("auth/email/verify/", token="x" * 43), 400, "invalid_or_expired")
    assert set(errors_of(alice.get("auth/email/verify/"))) == {"token"}
    url = f"{BASE_URL}/api/v1/auth/email/verify/?token={mail.token}"
    head = alice.transport.call("HEAD", url, {"Authorization": f"Bearer {alice.phone.state.access}"})
    assert (head.status, person_of(alice).email) == (405, alice.email)
    assert alice.get("auth/email/verify/", token=mail.token).status == 204
    assert person_of(alice).email == NEW


def test_following_the_link_needs_what_a_write_needs(alice: Person, settings: Any) -> None:
    received()
    change(alice)
    [mail] = received(NEW)
    settings.ATTESTATION_REQUIRED = "basic"
    problem_of(alice.get("auth/email/verify/", token=mail.token), 403, "attestation_required")
    settings.ATTESTATION_REQUIRED, settings.DEVICE_SIGNATURE_POLICY = "none", "sensitive"
    path = f"auth/email/verify/?token={mail.token}"
    unsigned = with_token(alice.transport, "GET", path, alice.phone.state.access or "")
    problem_of(unsigned, 403, "signature_required")
    assert person_of(alice).email == alice.email


def test_a_browser_that_follows_it_is_asked_first(alice: Person) -> None:
    received()
    change(alice)
    [mail] = received(NEW)
    browser = Browser(headers={"host": "localhost:8000", "accept": "text/html,*/*;q=0.8"})
    answer = browser.get("/api/v1/auth/email/verify/", {"token": mail.token})
    assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Location"] == f"http://localhost:8000/change-email?token={mail.token}"
    page = browser.get(answer["Location"])
    assert (page.status_code, b"<form" in page.content) == (200, True)
    assert person_of(alice).email == alice.email
    hostile = browser.get("/api/v1/auth/email/verify/", {"token": "x&to=//evil.example\r\nX: y"})
    assert hostile["Location"] == "http://localhost:8000/change-email?token=x%26to%3D%2F%2Fevil.example%0D%0AX%3A+y"


def test_it_takes_the_password(alice: Person) -> None:
    problem_of(change(alice, password="wrong"), 401, "invalid_credentials")
    problem_of(change(alice, password=None), 401, "invalid_credentials")
    received(alice.email)
    assert received(NEW) == []


def test_whether_somebody_has_the_address_is_told_to_them_alone(alice: Person, bob: Person) -> None:
    received()
    free, taken = change(alice, "free@example.org"), change(alice, bob.email.upper())
    assert (free.status, free.body) == (taken.status, taken.body) == (202, b"")
    to_bob = [mail for mail in received() if mail.to.lower() == bob.email]
    assert [mail.subject for mail in to_bob] == ["You have an account already"]
    assert "token=" not in to_bob[0].text


def test_an_address_that_was_taken_meanwhile_is_a_conflict(alice: Person, new_phone: MakePhone) -> None:
    received()
    change(alice)
    [mail] = received(NEW)
    other, _ = new_phone()
    accept(other.sign_up(NEW.lower(), PASSWORD))
    problem_of(verify(alice.phone, mail.token), 409, "email_taken")
    assert person_of(alice).email == alice.email


def test_a_changed_password_takes_the_change_back(alice: Person) -> None:
    received()
    change(alice)
    [mail] = received(NEW)
    body = {"old_password": PASSWORD, "new_password": "a horse of another colour"}
    alice.phone._adopt(accept(alice.post("auth/change-password/", body)))
    problem_of(verify(alice.phone, mail.token), 400, "invalid_or_expired")


def test_the_newest_wish_counts_and_runs_out(alice: Person, clock: time_machine.Traveller) -> None:
    received()
    change(alice, "first@example.org")
    [first] = received("first@example.org")
    change(alice)
    [second] = received(NEW)
    problem_of(verify(alice.phone, first.token), 400, "invalid_or_expired")
    clock.shift(24 * 3600 + 1)
    alice.phone.refresh()
    problem_of(verify(alice.phone, second.token), 400, "invalid_or_expired")


def test_the_same_address_is_no_change_but_another_spelling_is(alice: Person) -> None:
    problem_of(change(alice, alice.email), 409, "address_unchanged")
    received()
    assert change(alice, alice.email.upper()).status == 202
    [mail] = received(alice.email.upper())
    assert verify(alice.phone, mail.token).status == 204
    assert person_of(alice).email == alice.email.upper()


@pytest.mark.parametrize("email", ["", "no address", "a@b", "ada@example.com\x00", "x" * 250 + "@example.com"])
def test_other_addresses_are_refused(alice: Person, email: str) -> None:
    assert set(errors_of(change(alice, email))) == {"email"}
