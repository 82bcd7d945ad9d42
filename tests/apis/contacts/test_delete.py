"""`DELETE contacts/<slug>/`: the contact becomes a tombstone, of which devices still hear."""

import pytest

from api.models import Contact, ContactTerm, Organization
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import no_change, one_change
from tests.conftest import Person
from tests.http.answers import problem_of, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(alice: Person) -> Contact:
    return make_contact(alice, display_name="Ada Lovelace", email="ada@example.com", notes="First programmer")


def test_it_is_gone_from_everywhere(alice: Person, contact: Contact) -> None:
    answer = alice.delete(f"contacts/{contact.slug}/")
    assert (answer.status, answer.body) == (204, b"")
    problem_of(alice.get(f"contacts/{contact.slug}/"), 404, "not_found")
    assert alice.get("contacts/", total="true").json["meta"]["total"] == 0
    for query in ("ada", "lovelace", "example", "programmer"):
        assert alice.get("contacts/", q=query).json["data"] == []


def test_a_tombstone_stays_and_is_counted(alice: Person, contact: Contact) -> None:
    with one_change(alice, contact, "contact.deleted", {}):
        alice.delete(f"contacts/{contact.id}/")
    assert contact.deleted_at is not None
    assert contact.updated_at >= contact.deleted_at
    assert contact.display_name == "Ada Lovelace"  # until the tombstone is swept, it can be restored
    assert not ContactTerm.objects.filter(contact=contact).exists()


def test_once_more_there_is_nothing(alice: Person, contact: Contact) -> None:
    alice.delete(f"contacts/{contact.slug}/")
    contact.refresh_from_db()
    with no_change(contact):
        for _ in range(2):
            problem_of(alice.delete(f"contacts/{contact.slug}/"), 404, "not_found")
            problem_of(alice.patch(f"contacts/{contact.slug}/", {"title": "Dr"}), 404, "not_found")
            problem_of(alice.put(f"contacts/{contact.slug}/", {"display_name": "Ada"}), 404, "not_found")


def test_a_lost_answer_is_asked_for_again(alice: Person, contact: Contact) -> None:
    alice.transport.lose_next = 1
    assert alice.delete(f"contacts/{contact.slug}/").status == 204
    contact.refresh_from_db()
    assert (contact.version, contact.deleted_at is not None) == (2, True)


def test_teammates_delete_each_others(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    with one_change(bob, contact, "contact.deleted", {}):
        assert bob.delete(f"contacts/{contact.slug}/").status == 204
    problem_of(alice.get(f"contacts/{contact.slug}/"), 404, "not_found")


def test_the_others_stay(alice: Person, contact: Contact) -> None:
    other = make_contact(alice, display_name="Ada Byron")
    alice.delete(f"contacts/{contact.slug}/")
    assert [row["id"] for row in alice.get("contacts/", q="ada").json["data"]] == [str(other.id)]


def test_deleting_takes_ten_queries(alice: Person, contact: Contact) -> None:
    alice.get("contacts/")
    with queries() as asked:
        alice.delete(f"contacts/{contact.slug}/")
    assert asked == [
        "contact",  # what the name means
        "organization",  # its lock and count
        "contact",  # its lock and content
        "organization",  # the count moves
        "contact",
        "contact_identity",  # by what it may be another
        "contact_identity",
        "contact_identity",  # who is the first of these then
        "contact_term",
        "audit_entry",
    ]
