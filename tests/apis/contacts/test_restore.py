"""`POST contacts/<slug>/restore/`: within 30 days a tombstone becomes a contact again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.models import Contact, Organization
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import no_change, one_change
from tests.conftest import Person
from tests.http.answers import problem_of, queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def tombstone(alice: Person) -> Contact:
    contact = make_contact(alice, display_name="Ada Lovelace", email="ada@example.com", notes="First programmer")
    assert alice.delete(f"contacts/{contact.slug}/").status == 204
    contact.refresh_from_db()
    return contact


def buried(contact: Contact, **ago: int) -> None:
    Contact.objects.filter(id=contact.id).update(deleted_at=timezone.now() - timedelta(**ago))


def test_it_is_there_again_as_it_was(alice: Person, tombstone: Contact) -> None:
    answer = alice.post(f"contacts/{tombstone.slug}/restore/")
    assert answer.status == 200, answer.body
    assert (answer.json["id"], answer.json["slug"]) == (str(tombstone.id), tombstone.slug)
    assert (answer.json["email"], answer.json["notes"]) == ("ada@example.com", "First programmer")
    assert (answer.json["deleted_at"], answer.json["version"]) == (None, 3)
    assert alice.get(f"contacts/{tombstone.id}/").json == answer.json
    for query in ("ada", "lovelace", "example", "programmer"):
        assert len(alice.get("contacts/", q=query).json["data"]) == 1


def test_a_restoration_is_counted_and_told(alice: Person, tombstone: Contact) -> None:
    with one_change(alice, tombstone, "contact.restored", {}):
        alice.post(f"contacts/{tombstone.id}/restore/")
    assert tombstone.deleted_at is None


def test_once_more_changes_nothing(alice: Person, tombstone: Contact) -> None:
    alice.transport.lose_next = 1
    first = alice.post(f"contacts/{tombstone.slug}/restore/").json
    with no_change(tombstone):
        for _ in range(2):
            again = alice.post(f"contacts/{tombstone.slug}/restore/")
            assert (again.status, again.json) == (200, first)


def test_a_contact_that_was_never_deleted_is_fine(alice: Person) -> None:
    contact = make_contact(alice)
    with no_change(contact):
        assert alice.post(f"contacts/{contact.slug}/restore/").json["version"] == 1


def test_it_can_be_deleted_again(alice: Person, tombstone: Contact) -> None:
    for version in (3, 5):
        assert alice.post(f"contacts/{tombstone.slug}/restore/").json["version"] == version
        assert alice.delete(f"contacts/{tombstone.slug}/").status == 204


def test_after_thirty_days_it_is_too_late(alice: Person, tombstone: Contact) -> None:
    buried(tombstone, days=30, minutes=1)
    with no_change(tombstone):
        problem_of(alice.post(f"contacts/{tombstone.slug}/restore/"), 404, "not_found")
    buried(tombstone, days=29, hours=23)
    assert alice.post(f"contacts/{tombstone.slug}/restore/").status == 200


def test_one_that_was_merged_into_another_stays_there(alice: Person, tombstone: Contact) -> None:
    Contact.objects.filter(id=tombstone.id).update(merged_into=make_contact(alice))
    problem_of(alice.post(f"contacts/{tombstone.slug}/restore/"), 404, "not_found")


def test_teammates_restore_each_others(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    alice.delete(f"contacts/{contact.slug}/")
    contact.refresh_from_db()
    with one_change(bob, contact, "contact.restored", {}):
        assert bob.post(f"contacts/{contact.slug}/restore/").json["creator"] == alice.user.username


def test_restoring_takes_ten_queries(alice: Person, tombstone: Contact) -> None:
    with queries() as asked:
        alice.post(f"contacts/{tombstone.slug}/restore/")
    assert asked == [
        "contact",  # what the name means
        "organization",  # its lock and count
        "contact",  # its lock and content
        "organization",  # the count moves
        "contact",
        "contact_identity",  # by what it may be another: nothing
        "contact_identity",  # who has the same
        "contact_identity",
        "contact_term",  # the words that are there: none
        "contact_term",
        "audit_entry",
        "contact",  # the answer
        "tag_link",
    ]
