"""Codes, resets, guests and addresses, many times at once: one winner each, and nobody meets a deadlock."""

from collections import Counter
from functools import partial

import pytest
from handset_client import Answer, Client
from handset_client.outcomes import accept

from api.apis.auth.services import proofs
from api.models import Contact, MailedProof, Organization, ProofPurpose, Session, User
from api.models.base import identity_of
from tests.services.conftest import PASSWORD, Deployment
from tests.services.crowds import answers_of, at_once, posting

pytestmark = pytest.mark.services

ROUNDS = 3
NEW = "a horse of another colour"


def outcomes(answers: list[Answer]) -> Counter[tuple[int, str]]:
    return Counter((answer.status, answer.code) for answer in answers)


def good_proof(purpose: ProofPurpose, email: str) -> MailedProof:
    """What was mailed to an address last; the secret is derived as the mail's task does it."""
    return MailedProof.objects.get(purpose=purpose, email_identity=identity_of(email), live_key__isnull=False)


def code_for(phone: Client, email: str) -> str:
    accept(phone.request("POST", "auth/magic/request/", {"email": email}))
    return proofs.code_of(good_proof(ProofPurpose.MAGIC_CODE, email))


def test_twenty_confirms_of_one_reset_set_one_password(deployed: Deployment) -> None:
    for _ in range(ROUNDS):
        phones = deployed.phones(20)
        person = deployed.person(phones[0])
        accept(phones[1].request("POST", "auth/password-reset/request/", {"email": person.email}))
        token = proofs.token_of(good_proof(ProofPurpose.PASSWORD_RESET, str(person.email)))

        answers = at_once(
            partial(
                phone.request,
                "POST",
                "auth/password-reset/confirm/",
                {"token": token, "new_password": f"{NEW} {number}"},
            )
            for number, phone in enumerate(phones)
        )

        assert outcomes(answers) == {(204, ""): 1, (400, "invalid_or_expired"): 19}
        person.refresh_from_db()
        winner = next(number for number, answer in enumerate(answers) if answer.is_success)
        assert person.check_password(f"{NEW} {winner}")


def test_links_that_ten_devices_asked_for_set_one_password(deployed: Deployment) -> None:
    """Each device has a link of its own; who uses theirs first voids the others."""
    for _ in range(ROUNDS):
        phones = deployed.phones(10)
        person = deployed.person(phones[0])
        for phone in phones:
            accept(phone.request("POST", "auth/password-reset/request/", {"email": person.email}))
        good = MailedProof.objects.filter(user=person, purpose=ProofPurpose.PASSWORD_RESET, live_key__isnull=False)
        tokens = [proofs.token_of(proof) for proof in good]
        assert len(tokens) == 10

        answers = at_once(
            partial(
                phone.request,
                "POST",
                "auth/password-reset/confirm/",
                {"token": token, "new_password": f"{NEW} {number}"},
            )
            for number, (phone, token) in enumerate(zip(phones, tokens, strict=True))
        )

        assert outcomes(answers) == {(204, ""): 1, (400, "invalid_or_expired"): 9}
        person.refresh_from_db()
        winner = next(number for number, answer in enumerate(answers) if answer.is_success)
        assert person.check_password(f"{NEW} {winner}")


def test_two_changes_of_one_password_have_one_winner(deployed: Deployment) -> None:
    for _ in range(ROUNDS):
        first, second = deployed.phones(2)
        person = deployed.person(first)
        accept(second.sign_in(str(person.email), PASSWORD))

        answers = at_once(
            partial(
                phone.request,
                "POST",
                "auth/change-password/",
                {"old_password": PASSWORD, "new_password": f"{NEW} {number}"},
            )
            for number, phone in enumerate((first, second))
        )

        assert sum(answer.is_success for answer in answers) == 1
        # The other's session is over, or its password was, or it was told while it was being told.
        assert {answer.code for answer in answers} <= {"", "invalid_credentials", "token_revoked", "sign_in_required"}
        person.refresh_from_db()
        winner = next(number for number, answer in enumerate(answers) if answer.is_success)
        assert person.check_password(f"{NEW} {winner}")
        assert Session.objects.filter(user=person, live_device__isnull=False).count() == 1


def test_ten_people_want_one_address_and_one_gets_it(deployed: Deployment, email: str) -> None:
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phones = deployed.phones(10)
        people = [deployed.person(phone) for phone in phones]
        for phone in phones:
            accept(phone.request("PATCH", "auth/email/", {"email": address, "current_password": PASSWORD}))
        tokens = [
            proofs.token_of(MailedProof.objects.get(user=person, email=address, live_key__isnull=False))
            for person in people
        ]

        answers = at_once(
            partial(phone.request, "POST", "auth/email/verify/", {"token": token})
            for phone, token in zip(phones, tokens, strict=True)
        )

        assert outcomes(answers) == {(204, ""): 1, (409, "email_taken"): 9}
        winner = next(index for index, answer in enumerate(answers) if answer.is_success)
        assert User.objects.get(email_identity=address).id == people[winner].id


def test_guests_of_ten_devices_prove_one_address_and_are_one_person(deployed: Deployment, email: str) -> None:
    """By codes: one guest becomes the person, the others come home to them, with everything."""
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phones = deployed.phones(10)
        codes = []
        for index, phone in enumerate(phones):
            accept(phone.start_session("auth/guest/"))
            accept(phone.request("POST", "contacts/", {"display_name": f"Contact {index}"}))
            accept(phone.request("POST", "auth/magic/request/", {"email": address}))
            asked = MailedProof.objects.get(device_id=phone.state.device_id, live_key__isnull=False)
            codes.append(proofs.code_of(asked))

        answers = at_once(
            partial(phone.request, "POST", "auth/magic/verify/", {"token": code, "merge_guest": True})
            for phone, code in zip(phones, codes, strict=True)
        )

        assert outcomes(answers) == {(200, ""): 10}
        person = User.objects.get(email_identity=address)
        assert {answer.json["user"]["id"] for answer in answers} == {str(person.id)}
        assert Contact.objects.filter(organization__personal_of=person).count() == 10


def test_a_hundred_guesses_are_five_tries(deployed: Deployment, email: str) -> None:
    phone = deployed.phone()
    phone.get_token()
    code = code_for(phone, email)
    guesses = [f"{(int(code) + 1 + number) % 10**8:08d}" for number in range(100)]
    apps = deployed.copies(phone, 20)

    answers: list[Answer] = []
    for first in range(0, 100, 20):
        answers += at_once(
            partial(app.request, "POST", "auth/magic/verify/", {"token": guess})
            for app, guess in zip(apps, guesses[first : first + 20], strict=True)
        )

    assert outcomes(answers) == {(400, "invalid_or_expired"): 100}
    assert good_proof(ProofPurpose.MAGIC_CODE, email).attempts == 5
    assert phone.request("POST", "auth/magic/verify/", {"token": code}).code == "invalid_or_expired"


def test_twenty_uses_of_one_code_are_one_person_and_session(deployed: Deployment, email: str) -> None:
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phone = deployed.phone()
        phone.get_token()
        token = proofs.token_of(_asked(phone, address))

        answers = answers_of(deployed.copies(phone, 20), posting("auth/magic/verify/", {"token": token}))

        assert outcomes(answers) == {(200, ""): 20}
        assert len({answer.json["session_id"] for answer in answers}) == 1
        person = User.objects.get(email_identity=address)
        assert Organization.objects.filter(personal_of=person).count() == 1


def _asked(phone: Client, email: str) -> MailedProof:
    accept(phone.request("POST", "auth/magic/request/", {"email": email}))
    return good_proof(ProofPurpose.MAGIC_CODE, email)


def test_twenty_requests_leave_one_good_code(deployed: Deployment, email: str) -> None:
    phone = deployed.phone()
    phone.get_token()
    answers = answers_of(deployed.copies(phone, 20), posting("auth/magic/request/", {"email": email}))
    assert outcomes(answers) == {(202, ""): 20}
    assert good_proof(ProofPurpose.MAGIC_CODE, email)


def test_twenty_guests_want_one_address_and_one_gets_it(deployed: Deployment, email: str) -> None:
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phones = deployed.phones(20)
        for phone in phones:
            accept(phone.start_session("auth/guest/"))

        answers = answers_of(phones, posting("auth/register/", {"email": address, "password": PASSWORD}))

        assert outcomes(answers) == {(201, ""): 1, (409, "email_taken"): 19}
        assert User.objects.get(email_identity=address).is_guest is False
        assert User.objects.filter(is_guest=True, device_sessions__device_id__in=ids(phones)).distinct().count() == 19


def ids(phones: list[Client]) -> list[str]:
    return [str(phone.state.device_id) for phone in phones]


def test_one_device_twenty_times_is_one_guest(deployed: Deployment) -> None:
    phone = deployed.phone()
    phone.get_token()
    answers = answers_of(deployed.copies(phone, 20), posting("auth/guest/", None))
    assert outcomes(answers) == {(201, ""): 20}
    assert len({answer.json["user"]["id"] for answer in answers}) == 1


def test_guests_come_home_to_one_account_at_once_with_everything(deployed: Deployment) -> None:
    owner = deployed.phone()
    owner.get_token()
    person = deployed.person(owner)
    phones = deployed.phones(10)
    for number, phone in enumerate(phones):
        accept(phone.start_session("auth/guest/"))
        accept(phone.request("POST", "contacts/", {"display_name": f"Contact {number}"}))

    body = {"email": person.email, "password": PASSWORD, "merge_guest": True}
    answers = answers_of(phones, posting("token/pair/", body))

    assert outcomes(answers) == {(200, ""): 10}
    organization = Organization.objects.get(personal_of=person)
    assert Contact.objects.filter(organization=organization, creator=person).count() == 10


def test_a_new_address_and_a_new_password_at_once(deployed: Deployment, email: str) -> None:
    """Whatever comes first: afterwards the link is void, or the address is changed; never half of both."""
    for number in range(ROUNDS):
        address = f"{number}-{email}"
        phone, other = deployed.phones(2)
        person = deployed.person(phone)
        accept(phone.request("PATCH", "auth/email/", {"email": address, "current_password": PASSWORD}))
        token = proofs.token_of(good_proof(ProofPurpose.EMAIL_CHANGE, address))
        passwords = {"old_password": PASSWORD, "new_password": NEW}

        changed, verified = at_once(
            [
                partial(phone.request, "POST", "auth/change-password/", passwords),
                partial(other.request, "POST", "auth/email/verify/", {"token": token}),
            ]
        )

        person.refresh_from_db()
        assert (verified.status, verified.code) in {(204, ""), (400, "invalid_or_expired")}
        assert (person.email == address) is verified.is_success
        assert person.check_password(NEW) is changed.is_success
        assert changed.is_success or verified.is_success
        # The session that wanted another password may be over by then.
        assert changed.code in {"", "invalid_credentials", "sign_in_required"}


def test_a_storm_of_sign_ins_ends_in_one_session_a_device(deployed: Deployment) -> None:
    owner = deployed.phone()
    owner.get_token()
    person = deployed.person(owner)
    phones = deployed.phones(10)

    body = {"email": person.email, "password": PASSWORD}
    answers = answers_of([*phones, *phones], posting("token/pair/", body))

    # Ten attempts are counted before their passwords are looked at; who came beyond them comes again.
    assert set(outcomes(answers)) <= {(200, ""), (401, "invalid_credentials")}
    for phone in phones:
        accept(phone.request("POST", "token/pair/", body))
    live = Session.objects.filter(user=person, live_device__isnull=False)
    assert live.count() == 11
