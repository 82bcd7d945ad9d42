"""`PUT contacts/<slug>/`: a whole contact; what is left out is cleared."""

import pytest

from api.models import AuditEntry, Contact, Organization
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.test_create import WHOLE
from tests.apis.contacts.trail import no_change, one_change
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(alice: Person) -> Contact:
    slug = alice.post("contacts/", WHOLE).json["slug"]
    return Contact.objects.get(slug=slug)


def test_what_is_left_out_is_cleared(alice: Person, contact: Contact) -> None:
    before = alice.get(f"contacts/{contact.slug}/").json
    answer = alice.put(f"contacts/{contact.slug}/", {"display_name": "Grace", "phone": "+41 44 123 45 68"})
    assert answer.status == 200, answer.body
    after = answer.json
    assert {
        after[name] for name in ("first_name", "last_name", "company", "title", "location", "website", "notes")
    } == {""}
    assert (after["emails"], after["addresses"], after["custom_fields"]) == ([], [], {})
    assert (after["birth_date"], after["email"]) == (None, None)
    assert after["phone_numbers"] == [{"label": "", "value": "+41441234568", "is_primary": True}]
    for kept in ("id", "slug", "organization", "creator", "created_at", "avatar"):
        assert after[kept] == before[kept]
    assert alice.get(f"contacts/{contact.slug}/").json == after


def test_a_replacement_is_one_change(alice: Person, contact: Contact) -> None:
    told = {
        "display_name": ["Grace Hopper", "Grace"],
        "notes": [None, None],
        "custom_fields": [None, None],
        "addresses": [None, None],
    }
    with one_change(alice, contact, "contact.updated"):
        alice.put(f"contacts/{contact.slug}/", {"display_name": "Grace"})
    changes = AuditEntry.objects.latest("id").changes
    assert {name: changes[name] for name in told} == told
    assert changes["birth_date"] == ["1906-12-09", None]
    assert changes.keys() == WHOLE.keys()


def test_the_same_again_changes_nothing(alice: Person, contact: Contact) -> None:
    with no_change(contact):
        for _ in range(2):
            assert alice.put(f"contacts/{contact.slug}/", WHOLE).json["version"] == 1


def test_it_needs_a_name_like_a_new_one(alice: Person, contact: Contact) -> None:
    with no_change(contact):
        for body in ({}, {"notes": "x"}, {"display_name": None}):
            assert errors_of(alice.put(f"contacts/{contact.slug}/", body)) == {"display_name": "required"}


@pytest.mark.parametrize("field", ["id", "organization", "creator", "slug", "version", "created_at", "deleted_at"])
def test_what_is_not_the_clients_is_refused(alice: Person, contact: Contact, field: str) -> None:
    with no_change(contact):
        body = {**WHOLE, field: getattr(contact, field, None) and str(getattr(contact, field))}
        assert errors_of(alice.put(f"contacts/{contact.slug}/", body)) == {field: "unknown_field"}


def test_teammates_replace_each_others(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    with one_change(bob, contact, "contact.updated", {"display_name": ["Ada", "Augusta"]}):
        assert bob.put(f"contacts/{contact.id}/", {"display_name": "Augusta"}).json["creator"] == alice.user.username


def test_nothing_is_made_where_nothing_is(alice: Person, contact: Contact) -> None:
    problem_of(alice.put("contacts/nobodys-aaaaaa/", WHOLE), 404, "not_found")
    alice.delete(f"contacts/{contact.slug}/")
    problem_of(alice.put(f"contacts/{contact.slug}/", WHOLE), 404, "not_found")
    assert Contact.objects.count() == 1


def test_replacing_takes_thirteen_queries(alice: Person, contact: Contact) -> None:
    with queries() as asked:
        alice.put(f"contacts/{contact.slug}/", {"display_name": "Grace Hopper"})
    assert asked == [
        "contact",  # what the name means
        "organization",  # its lock and count
        "contact",  # its lock and content
        "organization",  # the count moves
        "contact",
        "contact_identity",  # by what it may be another
        "contact_identity",  # those that go
        "contact_identity",  # who is the first of these then
        "contact_term",  # the words that are there
        "contact_term",  # those that go; none comes
        "audit_entry",
        "contact",  # the answer
        "tag_link",
    ]
