"""Signing up and in, many times at once: one person, one organization, one session; guesses are counted exactly."""

from collections import Counter
from functools import partial

import pytest

from api.models import AuditEntry, Organization, Session, SignInFailures, User
from tests.services.conftest import PASSWORD, Deployment
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

ROUNDS = 3


def test_twenty_sign_ups_from_one_device_are_one_person(deployed: Deployment, email: str) -> None:
    """An answer that got lost nineteen times: every repeat is told the same."""
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phone = deployed.phone()
        phone.get_token()

        answers = answers_of(
            deployed.copies(phone, 20),
            posting("auth/register/", {"email": address, "password": PASSWORD}),
        )

        person = User.objects.get(email_identity=address)
        assert Organization.objects.filter(personal_of=person).count() == 1
        assert person.memberships.count() == 1
        assert [str(session.id) for session in Session.objects.filter(live_device_id=phone.state.device_id)] == [
            answers[0].json["session_id"]
        ]
        assert Counter((answer.status, answer.code) for answer in answers) == {(201, ""): 20}
        assert len({answer.json["refresh"] for answer in answers}) == 1


def test_twenty_devices_want_one_address_and_one_gets_it(deployed: Deployment, email: str) -> None:
    for number in range(ROUNDS):
        address = f"{number}-{email}"

        answers = answers_of(
            deployed.phones(20),
            posting("auth/register/", {"email": address, "password": PASSWORD}),
        )

        assert Counter((answer.status, answer.code) for answer in answers) == {(201, ""): 1, (409, "email_taken"): 19}
        assert User.objects.filter(email_identity=address).count() == 1


def test_twenty_namesakes_all_get_in(deployed: Deployment, email: str) -> None:
    """Usernames are derived from addresses: who finds theirs taken gets another one."""
    phones = deployed.phones(20)
    local = email.partition("@")[0]

    answers = at_once(
        partial(
            phone.request, "POST", "auth/register/", {"email": f"{local}@example{number}.com", "password": PASSWORD}
        )
        for number, phone in enumerate(phones)
    )

    assert [answer.status for answer in answers] == [201] * 20
    assert User.objects.filter(username_identity__startswith=local.replace("-", ".")).count() == 20


def test_twenty_people_want_one_username(deployed: Deployment) -> None:
    phones = deployed.phones(20)
    name = f"wanted{phones[0].state.device_id}"[:20].replace("-", "")
    for index, phone in enumerate(phones):
        deployed.person(phone, f"u{index}")

    answers = answers_of(phones, lambda phone: phone.request("PATCH", "users/me/", {"username": name}))

    assert Counter((answer.status, answer.code) for answer in answers) == {(200, ""): 1, (409, "username_taken"): 19}


def test_twenty_sign_ins_from_one_device_are_one_session(deployed: Deployment) -> None:
    for _ in range(ROUNDS):
        person = deployed.person(deployed.phone())
        phone = deployed.phone()
        phone.get_token()

        answers = answers_of(
            deployed.copies(phone, 20),
            posting("token/pair/", {"email": person.email, "password": PASSWORD}),
        )

        # Ten attempts are counted before their passwords are looked at; what is beyond them is refused.
        assert {answer.code for answer in answers} <= {"", "invalid_credentials"}
        granted = [answer.json for answer in answers if answer.is_success]
        assert granted
        assert len({grant["session_id"] for grant in granted}) == 1
        assert Session.objects.filter(user=person, live_device_id=phone.state.device_id).count() == 1


def test_twenty_sign_outs_end_one_session_once(deployed: Deployment) -> None:
    for _ in range(ROUNDS):
        phone = deployed.phone()
        deployed.person(phone)
        session_id = phone.state.session_id

        answers = answers_of(deployed.copies(phone, 20), posting("auth/logout/", None))

        assert [answer.status for answer in answers] == [204] * 20
        assert Session.objects.get(id=session_id).end_reason == "signed_out"
        assert AuditEntry.objects.filter(action="session.ended", target_id=session_id).count() == 1


def test_many_devices_sign_one_person_in(deployed: Deployment) -> None:
    """Right passwords take their counts back while others are being counted: nobody blames the server."""
    person = deployed.person(deployed.phone())
    phones = deployed.phones(24)
    for _ in range(3):
        answers = answers_of(phones, posting("token/pair/", {"email": person.email, "password": PASSWORD}))

        assert {answer.code for answer in answers} <= {"", "invalid_credentials"}
    assert Session.objects.filter(user=person, live_device__isnull=False).count() <= 20  # SESSIONS_PER_PERSON


def test_a_hundred_wrong_passwords_at_once_are_ten(deployed: Deployment) -> None:
    """Ten are verified, ninety are refused unread; then a stranger with the right password is refused too, and the
    person's own phone is not.
    """
    known = deployed.phone()
    person = deployed.person(known)
    phones = deployed.phones(100)

    answers = answers_of(phones, posting("token/pair/", {"email": person.email, "password": "wrong"}))

    assert {(answer.status, answer.code) for answer in answers} == {(401, "invalid_credentials")}
    counted = SignInFailures.objects.filter(locked_until__isnull=False).order_by("-updated_at").first()
    assert counted is not None
    # The tenth locks and sets the count to nothing. One more that was let through would stand here.
    assert (counted.locks, counted.failures) == (1, 0)
    right = {"email": person.email, "password": PASSWORD}
    stranger = deployed.phone()
    assert stranger.request("POST", "token/pair/", right).code == "invalid_credentials"
    known.sign_out()
    assert known.request("POST", "token/pair/", right).status == 200
