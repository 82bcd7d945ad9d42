"""`GET contacts/<slug>/`: one contact, by its slug or its UUID."""

import re

import pytest

from api.models import Contact, Organization
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def test_it_is_read_by_slug_and_by_uuid(alice: Person) -> None:
    contact = make_contact(alice, display_name="Ada", notes="First programmer")
    by_slug = alice.get(f"contacts/{contact.slug}/")
    assert (by_slug.status, by_slug.json["id"], by_slug.json["notes"]) == (200, str(contact.id), "First programmer")
    assert alice.get(f"contacts/{contact.id}/").json == by_slug.json
    assert alice.get(f"contacts/{str(contact.id).upper()}/").json == by_slug.json


def test_every_teammate_reads_the_same(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(alice, team, display_name="Ada", custom_fields={"a": [1, {"b": None}]})
    read = bob.get(f"contacts/{contact.slug}/").json
    assert read == alice.get(f"contacts/{contact.slug}/").json
    assert (read["organization"], read["creator"]) == (team.slug, alice.user.username)


def test_times_have_six_digits_also_where_they_are_zero(alice: Person) -> None:
    contact = make_contact(alice)
    Contact.objects.update(created_at=contact.created_at.replace(microsecond=0))
    read = alice.get(f"contacts/{contact.slug}/").json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z", read["created_at"])


def test_a_slug_survives_a_rename(alice: Person) -> None:
    contact = make_contact(alice, display_name="Augusta Byron")
    alice.patch(f"contacts/{contact.slug}/", {"display_name": "Ada Lovelace"})
    assert alice.get(f"contacts/{contact.slug}/").json["display_name"] == "Ada Lovelace"


def test_a_creator_who_is_gone_is_nobody(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(bob, team)
    Contact.objects.filter(id=contact.id).update(creator=None)
    assert alice.get(f"contacts/{contact.slug}/").json["creator"] is None


def test_a_deleted_contact_is_not_there(alice: Person) -> None:
    contact = make_contact(alice)
    alice.delete(f"contacts/{contact.slug}/")
    problem_of(alice.get(f"contacts/{contact.slug}/"), 404, "not_found")
    problem_of(alice.get(f"contacts/{contact.id}/"), 404, "not_found")


def test_a_name_is_taken_as_it_is_written(alice: Person) -> None:
    contact = make_contact(alice, display_name="Ada")
    key = str(contact.id)
    for name in (
        contact.slug.upper(),
        contact.slug[:-1],
        contact.slug + "x",
        f"{contact.slug}%20",
        key.replace("-", ""),
        f"%7B{key}%7D",
    ):
        problem_of(alice.get(f"contacts/{name}/"), 404, "not_found")


def test_a_device_without_a_person_is_asked_to_sign_in(alice: Person, phone: Phone) -> None:
    contact = make_contact(alice)
    problem_of(phone.request("GET", f"contacts/{contact.slug}/"), 403, "sign_in_required")


def test_reading_takes_two_queries(alice: Person) -> None:
    contact = make_contact(alice, email="ada@example.com")
    alice.get(f"contacts/{contact.slug}/")
    with queries() as asked:
        alice.get(f"contacts/{contact.slug}/")
    # The contact, with its creator's name joined in; the organization's is among the memberships. The tags.
    assert asked == ["contact", "tag_link"]
