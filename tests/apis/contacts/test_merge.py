"""`POST contacts/merge/`: one contact of two, and nothing lost; the other's name leads to it."""

from itertools import pairwise
from typing import Any

import pytest
from handset_client import Answer

from api.apis.contacts import services as contacts
from api.apis.contacts.services.changing import TOMBSTONE_DAYS
from api.models import AuditEntry, Contact, ContactTerm, ImageLink, Organization, Role, TagLink
from tests import factories
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import count_of, no_change
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db


def merge(person: Person, winner: Contact | str, loser: Contact | str, **kwargs: Any) -> Answer:
    headers = kwargs.pop("headers", None)
    names = {"winner": getattr(winner, "slug", winner), "loser": getattr(loser, "slug", loser)}
    return person.phone.request("POST", "contacts/merge/", {**names, **kwargs}, headers=headers)


@pytest.fixture
def both(alice: Person, team: Organization) -> tuple[Contact, Contact]:
    """One with little, one with more."""
    return (
        make_contact(alice, team, display_name="Grace Hopper", title="Rear Admiral", email="grace@navy.example"),
        make_contact(
            alice,
            team,
            display_name="G. Hopper",
            first_name="Grace",
            title="Dr",
            company="Navy",
            notes="Likes clocks.",
            email="grace@example.com",
            phone="+12025550143",
            custom_fields={"favourite": True},
            addresses=[{"label": "", "city": "Arlington"}],
        ),
    )


def test_the_winner_takes_in_what_it_lacks(alice: Person, both: tuple[Contact, Contact]) -> None:
    winner, loser = both
    alice.patch(f"contacts/{winner.slug}/", {"notes": "Wrote a compiler.", "custom_fields": {"rank": 8}})
    answer = merge(alice, winner, loser)
    assert answer.status == 200, answer.body
    merged = answer.json
    assert (merged["id"], merged["slug"], merged["version"]) == (str(winner.id), winner.slug, 3)
    assert (merged["display_name"], merged["first_name"], merged["title"], merged["company"]) == (
        "Grace Hopper", "Grace", "Rear Admiral", "Navy",
    )  # fmt: skip
    assert [(entry["value"], entry["is_primary"]) for entry in merged["emails"]] == [
        ("grace@navy.example", True),
        ("grace@example.com", False),
    ]
    assert merged["phone"] == "+12025550143"
    assert merged["notes"] == "Wrote a compiler.\n\nLikes clocks."
    assert merged["custom_fields"] == {"rank": 8, "favourite": True}
    assert merged["addresses"] == [{"label": "", "city": "Arlington"}]
    assert alice.get(f"contacts/{winner.slug}/").json == merged
    for query in ("clocks", "navy", "grace"):
        assert [row["id"] for row in alice.get("contacts/", q=query).json["data"]] == [merged["id"]]
    assert alice.get("contacts/duplicates/").json["data"] == []


def test_the_same_address_otherwise_spelled_is_one(alice: Person) -> None:
    winner = make_contact(alice, display_name="A", email="Ada@example.com")
    merged = merge(alice, winner, make_contact(alice, display_name="B", email="ada@EXAMPLE.com", notes="same")).json
    assert [entry["value"] for entry in merged["emails"]] == ["Ada@example.com"]
    assert merge(alice, winner, make_contact(alice, display_name="C", notes="same")).json["notes"] == "same"


def test_tags_and_images_come_along(alice: Person, both: tuple[Contact, Contact], team: Organization) -> None:
    winner, loser = both
    images = [make_image(alice, team).id for _ in range(3)]
    for contact, names, pictures in ((winner, ["VIP", "Navy"], images[:1]), (loser, ["Navy", "Clocks"], images[::-1])):
        alice.post(f"orgs/{team.slug}/tags/contacts/contact/{contact.slug}/", names)
        path = f"images/orgs/{team.slug}/images/contacts/contact/{contact.slug}/"
        assert alice.post(f"{path}bulk_attach/", {"image_ids": pictures}).is_success
    before = count_of(team.id)
    merged = merge(alice, winner, loser).json
    assert [tag["name"] for tag in merged["tags"]] == ["Clocks", "Navy", "VIP"]
    rows = alice.get(f"images/orgs/{team.slug}/images/contacts/contact/{winner.slug}/").json["data"]
    assert [(row["image"]["id"], row["position"], row["is_cover"]) for row in rows] == [
        (images[0], 0, True),
        (images[2], 1, False),
        (images[1], 2, False),
    ]
    assert not TagLink.objects.filter(object_id=loser.id).exists()
    assert not ImageLink.objects.filter(object_id=loser.id).exists()
    # Each row that changed has a count of its own: two contacts, a tag's link, two images'.
    assert count_of(team.id) == before + 5
    moved = [*TagLink.objects.filter(change_seq__gt=before), *ImageLink.objects.filter(change_seq__gt=before)]
    assert sorted(link.change_seq for link in moved) == [before + 3, before + 4, before + 5]


def test_images_of_one_without_any_keep_their_cover(
    alice: Person, both: tuple[Contact, Contact], team: Organization
) -> None:
    winner, loser = both
    path = f"images/orgs/{team.slug}/images/contacts/contact"
    images = [make_image(alice, team).id for _ in range(2)]
    alice.post(f"{path}/{loser.slug}/bulk_attach/", {"image_ids": images})
    alice.post(f"{path}/{loser.slug}/set_cover/", {"image_id": images[1]})
    merge(alice, winner, loser)
    rows = alice.get(f"{path}/{winner.slug}/").json["data"]
    assert [(row["image"]["id"], row["is_cover"]) for row in rows] == [(images[0], False), (images[1], True)]


def test_the_loser_is_a_tombstone_whose_name_leads_to_the_winner(
    alice: Person, bob: Person, charlie: Person, both: tuple[Contact, Contact]
) -> None:
    winner, loser = both
    merged = merge(alice, winner, loser).json
    for name in (loser.slug, str(loser.id)):
        answer = bob.get(f"contacts/{name}/")
        assert (answer.status, answer.json) == (200, merged)
        assert answer.headers["content-location"] == f"/api/v1/contacts/{winner.slug}/"
        problem_of(charlie.get(f"contacts/{name}/"), 404, "not_found")
        problem_of(alice.patch(f"contacts/{name}/", {"title": "Dr"}), 404, "not_found")
        problem_of(alice.delete(f"contacts/{name}/"), 404, "not_found")
        problem_of(alice.post(f"contacts/{name}/restore/"), 404, "not_found")
    assert "content-location" not in bob.get(f"contacts/{winner.slug}/").headers
    loser.refresh_from_db()
    assert loser.deleted_at is not None
    assert (loser.version, loser.merged_into_id, loser.emails, loser.notes) == (2, winner.id, [], "")
    assert not ContactTerm.objects.filter(contact=loser).exists()
    assert alice.get("contacts/", total="true").json["meta"]["total"] == 1


def test_names_lead_on_through_a_chain(alice: Person) -> None:
    chain = [make_contact(alice, display_name=f"C{number}") for number in range(4)]
    for loser, winner in pairwise(chain):
        assert merge(alice, winner, loser).status == 200
    for contact in chain[:-1]:
        answer = alice.get(f"contacts/{contact.slug}/")
        assert answer.json["slug"] == chain[-1].slug
        assert answer.headers["content-location"] == f"/api/v1/contacts/{chain[-1].slug}/"
    alice.delete(f"contacts/{chain[-1].slug}/")
    for contact in chain:
        problem_of(alice.get(f"contacts/{contact.slug}/"), 404, "not_found")
    alice.post(f"contacts/{chain[-1].slug}/restore/")
    assert alice.get(f"contacts/{chain[0].slug}/").json["slug"] == chain[-1].slug


def test_the_name_leads_there_for_as_long_as_the_winner_is_there(alice: Person) -> None:
    winner, loser = (make_contact(alice, display_name=name) for name in "AB")
    merge(alice, winner, loser)
    long_ago = Contact.objects.get(id=loser.id).deleted_at
    assert long_ago is not None
    Contact.objects.filter(id=loser.id).update(deleted_at=long_ago.replace(year=2001))
    assert contacts.forget_tombstones() == 0
    assert alice.get(f"contacts/{loser.slug}/").json["slug"] == winner.slug
    Contact.objects.filter(id=winner.id).update(deleted_at=long_ago.replace(year=2001))
    assert [contacts.forget_tombstones() for _ in range(3)] == [1, 1, 0]
    assert TOMBSTONE_DAYS == 90


# -- once more, and against others


def test_once_more_changes_nothing(alice: Person, both: tuple[Contact, Contact]) -> None:
    winner, loser = both
    headers = {"If-Match": alice.get(f"contacts/{winner.slug}/").headers["etag"]}
    alice.transport.lose_next = 1
    first = merge(alice, winner, loser, headers=headers, loser_version=1)
    assert first.status == 200
    winner.refresh_from_db()
    with no_change(winner):
        again = merge(alice, winner.slug, str(loser.id), headers=headers, loser_version=1)
    assert (again.status, again.json) == (200, first.json)
    problem_of(merge(alice, loser, winner), 404, "not_found")


def test_both_versions_are_compared(alice: Person, both: tuple[Contact, Contact]) -> None:
    winner, loser = both
    stale = {"If-Match": alice.get(f"contacts/{winner.slug}/").headers["etag"]}
    alice.patch(f"contacts/{winner.slug}/", {"title": "Captain"})
    alice.patch(f"contacts/{loser.slug}/", {"title": "Captain"})
    winner.refresh_from_db()
    with no_change(winner):
        problem_of(merge(alice, winner, loser, headers=stale), 412, "version_conflict")
        problem_of(merge(alice, winner, loser, loser_version=1), 409, "loser_changed")
    current = {"If-Match": alice.get(f"contacts/{winner.slug}/").headers["etag"]}
    assert merge(alice, winner, loser, headers=current, loser_version=2).status == 200


def test_it_is_told_of_both(alice: Person, both: tuple[Contact, Contact]) -> None:
    winner, loser = both
    entries = AuditEntry.objects.count()
    merge(alice, winner, loser)
    told = list(AuditEntry.objects.order_by("id")[entries:].values_list("action", "target_id", "changes"))
    assert [(action, target) for action, target, _ in told] == [
        ("contact.merged", str(winner.id)),
        ("contact.deleted", str(loser.id)),
    ]
    assert told[0][2]["taken_in"] == [None, str(loser.id)]
    assert told[0][2]["company"] == ["", "Navy"]
    assert told[0][2]["notes"] == [None, None]
    assert told[1][2] == {"merged_into": [None, str(winner.id)]}


# -- refusals


def test_only_two_that_are_there_in_one_organization(
    alice: Person, charlie: Person, both: tuple[Contact, Contact]
) -> None:
    winner, loser = both
    own, foreign = make_contact(alice), make_contact(charlie)
    gone = make_contact(alice, display_name="Gone")
    alice.delete(f"contacts/{gone.slug}/")
    with no_change(winner), no_change(loser):
        assert errors_of(merge(alice, winner, str(winner.id))) == {"loser": "same"}
        assert errors_of(merge(alice, winner, own)) == {"loser": "other_organization"}
        for missing in (foreign, "nobody-aaaaaa"):
            problem_of(merge(alice, winner, missing), 404, "not_found")
            problem_of(merge(alice, missing, winner), 404, "not_found")
        problem_of(merge(charlie, winner, loser), 404, "not_found")
    with no_change(own):
        problem_of(merge(alice, own, gone), 404, "not_found")
        problem_of(merge(alice, gone, own), 404, "not_found")


def test_it_takes_the_right_to_change_and_to_delete(
    alice: Person, bob: Person, settings: Any, team: Organization, both: tuple[Contact, Contact]
) -> None:
    for overrides in ('{"contacts.update": ["owner"]}', '{"contacts.delete": ["owner"]}'):
        settings.ORG_PERMISSIONS = overrides
        problem_of(merge(bob, *both), 403, "forbidden")
    settings.ORG_PERMISSIONS = "{}"
    assert merge(bob, *both).status == 200


def entries_of(kind: str, number: int) -> list[dict[str, Any]]:
    values = (f"{kind}{index}@example.com" for index in range(number))
    return [{"label": "", "value": value, "is_primary": index == 0} for index, value in enumerate(values)]


@pytest.mark.parametrize(
    ("mine", "others", "field"),
    [
        ({"emails": entries_of("a", 12)}, {"emails": entries_of("b", 12)}, "emails"),
        ({"notes": "a" * 6000}, {"notes": "b" * 6000}, "notes"),
        ({"custom_fields": {"a": "a" * 5000}}, {"custom_fields": {"b": "b" * 5000}}, "custom_fields"),
        ({"addresses": [{"city": str(n)} for n in range(20)]}, {"addresses": [{"city": "one more"}]}, "addresses"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_cut_off(alice: Person, mine: dict[str, Any], others: dict[str, Any], field: str) -> None:
    winner, loser = make_contact(alice, display_name="A", **mine), make_contact(alice, display_name="B", **others)
    with no_change(winner), no_change(loser):
        assert problem_of(merge(alice, winner, loser), 409, "merged_too_large")["field"] == field


def test_more_tags_than_one_has_are_refused(alice: Person) -> None:
    winner, loser = make_contact(alice, display_name="A"), make_contact(alice, display_name="B")
    own = Organization.objects.get(id=winner.organization_id)
    for contact, begins in ((winner, (0, 50)), (loser, (100,))):
        for first in begins:
            names = [f"t{number}" for number in range(first, first + 50)]
            alice.post(f"orgs/{own.slug}/tags/contacts/contact/{contact.slug}/", names)
    with no_change(winner), no_change(loser):
        problem_of(merge(alice, winner, loser), 409, "too_many_tags")
    assert TagLink.objects.filter(object_id=loser.id).count() == 50


def test_who_only_reads_merges_nothing(alice: Person, bob: Person, both: tuple[Contact, Contact]) -> None:
    group = factories.group(alice.user, {bob.user: Role.BILLING})
    two = [make_contact(alice, group, display_name=name) for name in "AB"]
    with no_change(two[0]), no_change(two[1]):
        problem_of(merge(bob, *two), 403, "forbidden")
