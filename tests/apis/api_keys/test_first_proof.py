"""Keys that somebody made with an account whose address is another's end when that one proves the address."""

from collections.abc import Callable

import pytest

from api.models import ApiKey, AuditEntry, Organization, User
from tests.apis.api_keys.service import make_key
from tests.apis.auth.mailbox import received
from tests.conftest import Person
from tests.http.answers import problem_of
from tests.phones import Phone

pytestmark = pytest.mark.django_db

NEW = "new@example.org"


def by_code(person: Person, elsewhere: Phone) -> int:
    elsewhere.request("POST", "auth/magic/request/", {"email": person.email})
    return elsewhere.request("POST", "auth/magic/verify/", {"token": received(person.email)[-1].code}).status


def by_reset(person: Person, elsewhere: Phone) -> int:
    elsewhere.request("POST", "auth/password-reset/request/", {"email": person.email})
    body = {"token": received(person.email)[-1].token, "new_password": "a horse of another colour"}
    return elsewhere.request("POST", "auth/password-reset/confirm/", body).status


def by_confirmation(person: Person, elsewhere: Phone) -> int:
    body = {"token": received(person.email)[-1].token}
    return elsewhere.request("POST", "auth/email/confirm/", body).status


def by_another_address(person: Person, elsewhere: Phone) -> int:
    person.patch("auth/email/", {"email": NEW, "current_password": "correct horse battery staple"})
    return elsewhere.request("POST", "auth/email/verify/", {"token": received(NEW)[-1].token}).status


@pytest.mark.parametrize("prove", [by_code, by_reset, by_confirmation, by_another_address])
def test_the_first_proof_from_elsewhere_ends_the_keys(
    alice: Person, phone: Phone, prove: Callable[[Person, Phone], int]
) -> None:
    own = Organization.objects.get(personal_of=alice.user)
    key_id, service = make_key(alice, own, "contacts:read")
    assert service.get("contacts/").status == 200
    assert prove(alice, phone) in {200, 204}
    problem_of(service.get("contacts/"), 401, "api_key_invalid")
    entry = AuditEntry.objects.get(action="api_key.revoked")
    assert (entry.target_id, entry.organization_id) == (key_id, own.id)


def test_a_proof_of_a_confirmed_address_ends_none(alice: Person, phone: Phone) -> None:
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    _, service = make_key(alice, Organization.objects.get(personal_of=alice.user), "contacts:read")
    for prove in (by_code, by_reset):
        assert prove(alice, phone) in {200, 204}
    assert service.get("contacts/").status == 200
    assert ApiKey.objects.get().revoked_at is None
