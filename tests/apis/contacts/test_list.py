"""`GET contacts/`: over all organizations of a person, filtered and sorted. Pages: tests/http/test_pagination.py."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from api.models import Contact, Membership, Organization
from api.platform import memberships
from tests import factories
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def rows(person: Person, **params: Any) -> list[dict[str, Any]]:
    answer = person.get("contacts/", **params)
    assert answer.status == 200, answer.body
    data: list[dict[str, Any]] = answer.json["data"]
    return data


def names(person: Person, **params: Any) -> list[str]:
    return [row["display_name"] for row in rows(person, **params)]


def test_a_row_is_what_the_contact_itself_answers(alice: Person) -> None:
    contact = make_contact(alice, display_name="Ada", email="ada@example.com", custom_fields={"a": 1})
    assert rows(alice) == [alice.get(f"contacts/{contact.slug}/").json]


def test_it_goes_over_all_organizations_of_the_person(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(alice, display_name="Alice's own")
    make_contact(bob, display_name="Bob's own")
    make_contact(alice, team, display_name="Ours")
    assert names(alice) == ["Alice's own", "Ours"]
    assert names(bob) == ["Bob's own", "Ours"]
    assert [row["organization"] for row in rows(bob)] == [bob.user.personal_organization.slug, team.slug]


def test_outsiders_see_none_of_it(alice: Person, charlie: Person, team: Organization) -> None:
    make_contact(alice, team)
    make_contact(alice)
    assert names(charlie, total="true") == []
    assert charlie.get("contacts/", total="true").json["meta"]["total"] == 0


def test_tombstones_are_not_listed(alice: Person) -> None:
    contact = make_contact(alice, display_name="Gone")
    make_contact(alice, display_name="There")
    alice.delete(f"contacts/{contact.slug}/")
    assert names(alice) == ["There"]
    assert alice.get("contacts/", total="true").json["meta"]["total"] == 1


# -- filters


def test_it_is_filtered_by_organization(alice: Person, team: Organization) -> None:
    make_contact(alice, display_name="Mine")
    make_contact(alice, team, display_name="Ours")
    assert names(alice, **{"filter[org]": team.slug}) == ["Ours"]
    assert alice.get("contacts/", total="true", **{"filter[org]": str(team.id)}).json["meta"]["total"] == 1


def test_it_is_filtered_by_creator(alice: Person, bob: Person, team: Organization) -> None:
    alice.patch("me/", {"username": "Alice"})
    bob.patch("me/", {"username": "Bob"})
    make_contact(alice, team, display_name="By Alice")
    make_contact(bob, team, display_name="By Bob")
    nobodys = make_contact(alice, team, display_name="By nobody")
    Contact.objects.filter(id=nobodys.id).update(creator=None)
    assert names(alice, **{"filter[creator]": "Bob"}) == ["By Bob"]
    assert names(alice, **{"filter[creator]": "bob"}) == ["By Bob"]
    assert names(alice, **{"filter[creator]": "bob,ALICE"}) == ["By Alice", "By Bob"]
    for nobody in ("charlie", "", "%", "x" * 300):
        assert names(alice, **{"filter[creator]": nobody}) == []
    assert names(alice, **{"filter[creator]": f"{'x' * 300},bob"}) == ["By Bob"]


def test_it_is_filtered_by_its_last_change(alice: Person) -> None:
    old, new = make_contact(alice, display_name="Old"), make_contact(alice, display_name="New")
    now = timezone.now()
    Contact.objects.filter(id=old.id).update(updated_at=now - timedelta(days=2))
    Contact.objects.filter(id=new.id).update(updated_at=now)
    since = (now - timedelta(days=1)).isoformat()
    assert names(alice, **{"filter[updated_since]": since}) == ["New"]
    assert names(alice, **{"filter[updated_since]": now.isoformat()}) == ["New"]  # from then on
    assert names(alice, **{"filter[updated_since]": (now + timedelta(microseconds=1)).isoformat()}) == []
    # The same moment by other clocks.
    for spelled in ("2026-11-21T10:30:00+01:00", "2026-11-21T09:30:00Z", "2026-11-21T04:00:00.000000-05:30"):
        Contact.objects.filter(id=old.id).update(updated_at="2026-11-21T09:30:00Z")
        Contact.objects.filter(id=new.id).update(updated_at="2026-11-21T09:29:59Z")
        assert names(alice, **{"filter[updated_since]": spelled}) == ["Old"]


def test_filters_narrow_together(alice: Person, bob: Person, team: Organization) -> None:
    make_contact(alice, display_name="Mine")
    make_contact(alice, team, display_name="Ada of ours")
    make_contact(bob, team, display_name="Ada of Bob's")
    both = {"filter[org]": team.slug, "filter[creator]": alice.user.username, "q": "ada"}
    assert names(alice, **both) == ["Ada of ours"]


# -- sorts


PEOPLE = [
    "apple",
    "Banana",
    "éclair",
    "Émile",
    "Zoë",
    "zoe",
    "Ångström",
    "Œuvre",
    "ßtraße",
    "田中",
    "Ωmega",
    "1st",
    "_x",
]


def test_names_sort_alike_on_every_database(alice: Person) -> None:
    for name in reversed(PEOPLE):
        make_contact(alice, display_name=name)
    ordered = names(alice)
    # Without accents and case, by code point: digits, letters, the rest of the world.
    assert ordered[:1] == ["1st"]
    assert [name for name in ordered if name in {"apple", "Ångström", "Banana", "éclair", "Émile"}] == [
        "Ångström",
        "apple",
        "Banana",
        "éclair",
        "Émile",
    ]
    assert ordered[-2:] == ["Ωmega", "田中"]
    assert {ordered.index("Zoë") - ordered.index("zoe")} <= {1, -1}
    assert names(alice, sort="-display_name") != ordered


def test_equal_names_keep_their_order(alice: Person) -> None:
    made = [make_contact(alice, display_name=name) for name in ("Zoë", "ZOE", "zoe", "Zoe\u0308")]
    ids = sorted(str(contact.id) for contact in made)
    assert [row["id"] for row in rows(alice)] == ids
    assert [row["id"] for row in rows(alice, sort="-display_name")] == ids[::-1]


def test_several_sorts_apply_in_their_order(alice: Person) -> None:
    for first, last in (("B", "X"), ("A", "Y"), ("A", "X"), ("B", "Y")):
        make_contact(alice, display_name=f"{first}{last}", first_name=first, last_name=last)
    assert names(alice, sort="last_name,first_name") == ["AX", "BX", "AY", "BY"]
    assert names(alice, sort="-last_name,first_name") == ["AY", "BY", "AX", "BX"]
    assert names(alice, sort="first_name,-last_name") == ["AY", "AX", "BY", "BX"]


def test_it_is_sorted_by_the_primary_address(alice: Person) -> None:
    second = [{"value": "a@example.com"}, {"value": "z@example.com", "is_primary": True}]
    alice.post("contacts/", {"display_name": "Last", "emails": second})
    make_contact(alice, display_name="Middle", email="M@example.com")
    make_contact(alice, display_name="None")
    assert names(alice, sort="email") == ["None", "Middle", "Last"]
    assert names(alice, sort="-email") == ["Last", "Middle", "None"]


def test_it_is_sorted_by_its_times(alice: Person) -> None:
    first, second = make_contact(alice, display_name="First"), make_contact(alice, display_name="Second")
    assert names(alice, sort="created_at") == ["First", "Second"]
    alice.patch(f"contacts/{first.slug}/", {"title": "Dr"})
    assert names(alice, sort="updated_at") == ["Second", "First"]
    assert names(alice, sort="-created_at") == ["Second", "First"]
    assert second.created_at > first.created_at


def test_a_long_name_is_sorted_by_its_beginning(alice: Person) -> None:
    stem = "🍣" * 199
    for end in "BA":
        make_contact(alice, display_name=stem + end)
    assert len(names(alice)) == 2


# -- who, and what it costs


def test_a_device_without_a_person_is_asked_to_sign_in(phone: Phone) -> None:
    problem_of(phone.request("GET", "contacts/"), 403, "sign_in_required")
    problem_of(phone.request("POST", "contacts/", {"display_name": "Ada"}), 403, "sign_in_required")


def test_a_person_without_organizations_has_an_empty_list(alice: Person) -> None:
    make_contact(alice)
    alice.user.memberships.all().delete()
    for params in ({}, {"q": "ada"}, {"total": "true"}, {"sort": "-created_at"}):
        assert names(alice, **params) == []
    problem_of(alice.post("contacts/", {"display_name": "Ada"}), 404, "not_found")


def test_a_person_of_very_many_organizations_is_served(alice: Person) -> None:
    """Neither the length of the statement nor its time grows with the square of their number."""
    owned = [
        Organization(name="Group", slug=f"group-{number}", kind="group", owner=alice.user) for number in range(400)
    ]
    Organization.objects.bulk_create(owned)
    Membership.objects.bulk_create(
        Membership(user=alice.user, organization=organization, role="owner") for organization in owned
    )
    memberships.changing([alice.user.id])
    make_contact(alice, owned[7], display_name="Ada Lovelace")
    make_contact(alice, owned[300], display_name="Grace Hopper")
    assert names(alice) == ["Ada Lovelace", "Grace Hopper"]
    assert names(alice, q="ada lovelace") == ["Ada Lovelace"]
    assert names(alice, q="a b c d e f g h i j", total="true") == []
    assert len(alice.get("orgs/", limit="100", total="true").json["data"]) == 100


def test_listing_takes_three_queries_however_many_there_are(alice: Person, bob: Person) -> None:
    teams = [factories.group(alice.user, {bob.user: "member"}, name=f"Team {number}") for number in range(3)]
    for number in range(12):
        make_contact(alice if number % 2 else bob, teams[number % 3], display_name=f"Contact {number}")
    alice.get("contacts/")
    for params, budget in (
        # The counts of changes, for the entity tag; the page, with the creators' names joined in; its tags.
        ({}, ["organization", "contact", "tag_link"]),
        ({"limit": "5", "sort": "-updated_at"}, ["organization", "contact", "tag_link"]),
        (
            {"filter[org]": teams[0].slug, "filter[creator]": alice.user.username},
            ["organization", "contact", "tag_link"],
        ),
        # The number of all, before the page.
        ({"total": "true"}, ["organization", "contact", "contact", "tag_link"]),
    ):
        with queries() as asked:
            assert rows(alice, **params)
        assert asked == budget
    with queries() as asked:
        assert len(rows(alice, q="contact")) == 12
    # The counts; how often the word is there; who comes first, by a rank that is a sum of look-ups, which the statement
    # begins with; these contacts; their tags.
    assert asked[0] == "organization"
    assert asked[-2:] == ["contact", "tag_link"]
    assert len(asked) == 5
