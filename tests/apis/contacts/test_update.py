"""`PATCH contacts/<slug>/`: what changes; null clears, absence leaves alone."""

from typing import Any

import pytest

from api.models import AuditEntry, Contact, Organization
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.test_create import WHOLE
from tests.apis.contacts.trail import no_change, one_change
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries

pytestmark = pytest.mark.django_db

OTHER: dict[str, Any] = {
    "display_name": "Amazing Grace",
    "first_name": "Grace Brewster",
    "last_name": "Murray Hopper",
    "company": "DEC",
    "title": "Consultant",
    "emails": [{"label": "new", "value": "grace@dec.example", "is_primary": True}],
    "phone_numbers": [{"label": "new", "value": "+14155552671", "is_primary": True}],
    "addresses": [{"label": "home", "city": "New Haven"}],
    "birth_date": "1906-12-10",
    "location": "New Haven",
    "website": "https://dec.example",
    "notes": "COBOL",
    "custom_fields": {"pets": []},
}
UNTOLD = {"notes", "custom_fields", "addresses"}


@pytest.fixture
def contact(alice: Person) -> Contact:
    slug = alice.post("contacts/", WHOLE).json["slug"]
    return Contact.objects.get(slug=slug)


def patch(person: Person, contact: Contact, body: dict[str, Any]) -> dict[str, Any]:
    answer = person.patch(f"contacts/{contact.slug}/", body)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def test_one_member_changes_and_the_others_stay(alice: Person, contact: Contact) -> None:
    assert OTHER.keys() == WHOLE.keys()
    expected = dict(WHOLE)
    for field, value in OTHER.items():
        told = [None, None] if field in UNTOLD else [WHOLE[field], value]
        with one_change(alice, contact, "contact.updated", {field: told}):
            after = patch(alice, contact, {field: value})
        expected[field] = value
        assert {name: after[name] for name in WHOLE} == expected
        assert after["version"] == contact.version


def test_null_clears_and_so_does_nothing(alice: Person, contact: Contact) -> None:
    empty = {"emails": [], "phone_numbers": [], "addresses": [], "custom_fields": {}, "birth_date": None}
    for field in WHOLE:
        if field != "display_name":
            with one_change(alice, contact, "contact.updated"):
                assert patch(alice, contact, {field: None})[field] == empty.get(field, "")
    with no_change(contact):
        patch(alice, contact, {field: None for field in WHOLE if field != "display_name"})
        patch(alice, contact, {})


def test_a_name_that_is_cleared_is_made_again(alice: Person, contact: Contact) -> None:
    patch(alice, contact, {"display_name": "Amazing Grace"})
    assert patch(alice, contact, {"display_name": None})["display_name"] == "Grace Hopper"


def test_the_last_name_of_a_contact_stays(alice: Person) -> None:
    contact = make_contact(alice, display_name="Ada")
    with no_change(contact):
        assert errors_of(alice.patch(f"contacts/{contact.slug}/", {"display_name": ""})) == {"display_name": "required"}


def test_of_what_people_write_the_trail_keeps_nothing(alice: Person, contact: Contact) -> None:
    secret = "the moth was real"
    patch(alice, contact, {"notes": secret, "custom_fields": {"x": secret}, "addresses": [{"street": secret}]})
    entry = AuditEntry.objects.latest("id")
    assert entry.changes == {name: [None, None] for name in ("notes", "custom_fields", "addresses")}
    assert not [row for row in AuditEntry.objects.values() if secret in str(row)]


def test_a_refused_change_changes_nothing(alice: Person, contact: Contact, subtests: pytest.Subtests) -> None:
    for body, errors in (
        ({"first_name": "x" * 101}, {"first_name": "max_length"}),
        ({"title": "Dr", "emails": [{"value": "nobody"}]}, {"emails.0.value": "invalid"}),
        ({"title": "Dr", "birth_date": "tomorrow"}, {"birth_date": "invalid"}),
        ({"email": "a@example.com", "emails": []}, {"email": "ambiguous"}),
        ({"title": "Dr", "nickname": "Amazing"}, {"nickname": "unknown_field"}),
        ({"custom_fields": {"x": "y" * 9000}}, {"custom_fields": "size"}),
    ):
        with subtests.test(str(body)[:60]), no_change(contact):
            assert errors_of(alice.patch(f"contacts/{contact.slug}/", body)) == errors


def test_what_is_not_the_clients_is_refused(alice: Person, contact: Contact, team: Organization) -> None:
    for field, value in {
        "id": str(contact.id),
        "organization": team.slug,
        "organization_id": str(team.id),
        "creator": "bob",
        "owner": "bob",
        "slug": "ada",
        "version": 7,
        "change_seq": 7,
        "created_at": "2000-01-01T00:00:00Z",
        "updated_at": "2000-01-01T00:00:00Z",
        "deleted_at": None,
        "merged_into": None,
        "avatar": "x.webp",
    }.items():
        with no_change(contact):
            answer = alice.patch(f"contacts/{contact.slug}/", {"title": "Dr", field: value})
            assert errors_of(answer) == {field: "unknown_field"}


# -- the short forms


def primary(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["value"] for entry in entries if entry["is_primary"]]


def test_a_known_address_becomes_the_primary_one(alice: Person, contact: Contact) -> None:
    after = patch(alice, contact, {"email": "grace@example.com"})
    assert after["email"] == "grace@example.com"
    assert primary(after["emails"]) == ["grace@example.com"]
    labels = {entry["value"]: entry["label"] for entry in after["emails"]}
    assert labels["grace@example.com"] == "home"  # the label it had


def test_a_new_address_is_the_primary_one(alice: Person, contact: Contact) -> None:
    after = patch(alice, contact, {"email": "grace@dec.example"})
    assert primary(after["emails"]) == ["grace@dec.example"]
    assert "hopper@navy.example" not in [entry["value"] for entry in after["emails"]]
    assert "grace@example.com" in [entry["value"] for entry in after["emails"]]


def test_the_primary_address_once_more_changes_nothing(alice: Person, contact: Contact) -> None:
    with no_change(contact):
        patch(alice, contact, {"email": "hopper@navy.example", "phone": "+41 44 123 45 67"})


def test_null_takes_the_primary_entry_away(alice: Person, contact: Contact) -> None:
    after = patch(alice, contact, {"email": None, "phone": None})
    assert (after["email"], after["phone"], after["phone_numbers"]) == (None, None, [])
    assert [entry["value"] for entry in after["emails"]] == ["grace@example.com"]


def test_a_contact_without_any_gets_one(alice: Person) -> None:
    contact = make_contact(alice, display_name="Ada")
    after = patch(alice, contact, {"email": "ada@example.com", "phone": "+41441234567"})
    assert (after["email"], after["phone"]) == ("ada@example.com", "+41441234567")


# -- what follows from a change


def test_it_is_found_by_what_it_says_now(alice: Person, contact: Contact) -> None:
    patch(alice, contact, {"company": "Remington Rand", "notes": None})
    for query, hits in (("remington", 1), ("navy", 1), ("moth", 0), ("us", 0), ("hopper", 1)):
        assert len(alice.get("contacts/", q=query).json["data"]) == hits, query


def test_it_stands_where_it_belongs_now(alice: Person, contact: Contact) -> None:
    make_contact(alice, display_name="Barbara", email="b@example.com")
    patch(alice, contact, {"display_name": "Abigail", "email": "z@example.com"})
    for sort, first in (("display_name", "Abigail"), ("email", "Barbara"), ("-updated_at", "Abigail")):
        assert alice.get("contacts/", sort=sort).json["data"][0]["display_name"] == first


def test_two_phones_change_different_things(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(alice, team, display_name="Ada")
    patch(alice, contact, {"company": "Engines"})
    patch(bob, contact, {"title": "Countess"})
    after = alice.get(f"contacts/{contact.slug}/").json
    assert (after["company"], after["title"], after["version"]) == ("Engines", "Countess", 3)


def test_changing_takes_eleven_queries(alice: Person, contact: Contact) -> None:
    with queries() as asked:
        patch(alice, contact, {"company": "Remington Rand"})
    assert asked == [
        "contact",  # what the name means
        "organization",  # its lock and count
        "contact",  # its lock and content
        "organization",  # the count moves
        "contact",
        "contact_identity",  # by what it may be another: the same
        "contact_term",  # the words that are there
        "contact_term",  # those that go
        "contact_term",  # those that come
        "audit_entry",
        "contact",  # the answer
        "tag_link",
    ]


def test_a_change_that_is_none_takes_five(alice: Person, contact: Contact) -> None:
    with queries() as asked:
        patch(alice, contact, {"company": contact.company})
    # What the name means, the two locks, the answer with its tags.
    assert asked == ["contact", "organization", "contact", "contact", "tag_link"]


def test_a_missing_contact_takes_one(alice: Person) -> None:
    alice.get("contacts/")
    with queries() as asked:
        problem_of(alice.patch("contacts/nobodys-aaaaaa/", {"title": "Dr"}), 404, "not_found")
    assert asked == ["contact"]
