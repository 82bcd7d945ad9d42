"""`GET contacts/duplicates/`: pairs of contacts that have an address, a number or a name in common."""

import random
from typing import Any

import pytest

from api.apis.contacts import services
from api.models import Contact, ContactIdentity, Organization
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person
from tests.http.answers import problem_of, queries

pytestmark = pytest.mark.django_db


def pairs(person: Person, **params: Any) -> list[tuple[str, str, str, str]]:
    """Reason, value, and the names of both, of every pair."""
    rows = person.get("contacts/duplicates/", **params).json["data"]
    return [(row["reason"], row["value"], *(contact["display_name"] for contact in row["contacts"])) for row in rows]


def check_identities() -> None:
    """Each contact that is there has its values, and each value of an organization has one first."""
    wanted = {
        (contact.id, value)
        for contact in Contact.objects.filter(deleted_at=None)
        for value in services.identities.values_of(contact)
    }
    assert set(ContactIdentity.objects.values_list("contact_id", "value")) == wanted
    rows = list(ContactIdentity.objects.values_list("organization_id", "value", "is_repeat"))
    firsts = [row[:2] for row in rows if not row[2]]
    assert sorted(firsts) == sorted({row[:2] for row in rows})


def test_an_address_a_number_and_a_name_are_reasons(alice: Person) -> None:
    make_contact(alice, display_name="Grace Hopper", email="grace@example.com")
    make_contact(alice, display_name="G. H.", email="GRACE@Example.com", phone="+12025550143")
    make_contact(alice, display_name="Nobody else", phone="+12025550143")
    make_contact(alice, display_name="hoppér, GRACE")
    make_contact(alice, display_name="Ada", email="ada@example.com")
    assert pairs(alice) == [
        ("phone", "+12025550143", "G. H.", "Nobody else"),
        ("name", "grace hopper", "Grace Hopper", "hoppér, GRACE"),
        ("email", "grace@example.com", "Grace Hopper", "G. H."),
    ]
    assert pairs(alice, sort="-value") == pairs(alice)[::-1]
    (first, *_) = alice.get("contacts/duplicates/", limit="1").json["data"]
    contact = alice.get(f"contacts/{first['contacts'][0]['slug']}/").json
    assert first["contacts"][0] == {name: contact[name] for name in first["contacts"][0]}


def test_several_are_a_pair_each_with_the_first(alice: Person) -> None:
    for number in range(4):
        make_contact(alice, display_name=f"C{number}", email="info@example.com")
    assert pairs(alice) == [("email", "info@example.com", "C0", f"C{number}") for number in (1, 2, 3)]


def test_a_second_address_counts_as_the_primary_one_does(alice: Person) -> None:
    emails = [{"value": value, "is_primary": value[0] == "a"} for value in ("a@example.com", "b@example.com")]
    alice.post("contacts/", {"display_name": "One", "emails": emails})
    make_contact(alice, display_name="Two", email="b@example.com")
    assert pairs(alice) == [("email", "b@example.com", "One", "Two")]


def test_who_is_called_by_an_address_is_told_once(alice: Person) -> None:
    for _ in range(2):
        alice.post("contacts/", {"email": "ada@example.com"})
    assert [pair[0] for pair in pairs(alice)] == ["email"]


def test_others_of_other_organizations_are_none(
    alice: Person, bob: Person, charlie: Person, team: Organization
) -> None:
    make_contact(alice, display_name="Same")
    make_contact(charlie, display_name="Same")
    make_contact(alice, team, display_name="Same")
    assert pairs(alice) == pairs(charlie) == []
    make_contact(bob, team, display_name="Same")
    make_contact(alice, display_name="Same")
    assert len(pairs(alice)) == 2
    assert len(pairs(alice, **{"filter[org]": team.slug})) == len(pairs(bob)) == 1
    assert pairs(charlie) == []
    problem_of(charlie.get("contacts/duplicates/", **{"filter[org]": team.slug}), 404, "not_found")


def test_changes_are_followed(alice: Person) -> None:
    first, second, third = (make_contact(alice, display_name="Ada", title=str(number)) for number in range(3))
    alice.delete(f"contacts/{first.slug}/")
    check_identities()
    assert [row["contacts"][0]["id"] for row in alice.get("contacts/duplicates/").json["data"]] == [str(second.id)]
    alice.patch(f"contacts/{second.slug}/", {"display_name": "Ada Byron"})
    assert pairs(alice) == []
    alice.post(f"contacts/{first.slug}/restore/")
    check_identities()
    assert [row["contacts"][0]["id"] for row in alice.get("contacts/duplicates/").json["data"]] == [str(third.id)]
    body = {
        "items": [{"op": "create", "contact": {"display_name": "Byron, Ada"}}, {"op": "delete", "slug": third.slug}]
    }
    assert alice.post("contacts/bulk/", body).status == 200
    assert pairs(alice) == [("name", "ada byron", "Ada Byron", "Byron, Ada")]
    check_identities()


def test_whatever_happens_each_value_has_one_first(alice: Person) -> None:
    chance, slugs = random.Random(11), [make_contact(alice, display_name="A").slug for _ in range(4)]
    for _ in range(60):
        slug = chance.choice(slugs)
        match chance.choice(("name", "email", "delete", "restore", "merge")):
            case "delete":
                alice.delete(f"contacts/{slug}/")
            case "restore":
                alice.post(f"contacts/{slug}/restore/")
            case "merge":
                alice.post("contacts/merge/", {"winner": slug, "loser": chance.choice(slugs)})
                slugs.append(make_contact(alice, display_name=chance.choice("AB")).slug)
            case "name":
                alice.patch(f"contacts/{slug}/", {"display_name": chance.choice("AB")})
            case "email":
                alice.patch(f"contacts/{slug}/", {"email": chance.choice(("a@example.com", "b@example.com", None))})
    check_identities()


def test_an_address_longer_than_an_identity_is_nobody_s_double(alice: Person) -> None:
    long = f"{'ﷺ' * 60}@example.com"  # eighteen letters each, once they are taken apart
    for _ in range(2):
        contact = make_contact(alice, display_name="Ada")
        Contact.objects.filter(id=contact.id).update(emails=[{"label": "", "value": long, "is_primary": True}])
        assert alice.patch(f"contacts/{contact.slug}/", {"title": "Countess"}).status == 200
    assert [pair[0] for pair in pairs(alice)] == ["name"]


def test_pages_neither_repeat_nor_lose_a_pair(alice: Person, team: Organization) -> None:
    for number in range(7):
        for organization in (None, team):
            make_contact(alice, organization, display_name=f"C{number % 3}")
    seen, cursor = [], {}
    while True:
        page = alice.get("contacts/duplicates/", limit="3", total="true", **cursor).json
        assert page["meta"]["total"] == 8
        seen += [(row["value"], row["contacts"][1]["id"]) for row in page["data"]]
        if page["meta"]["next"] is None:
            break
        cursor = {"cursor": page["meta"]["next"]}
    assert len(seen) == len(set(seen)) == 8
    assert seen == sorted(seen)


def test_an_unchanged_list_is_not_sent_again(alice: Person) -> None:
    etag = alice.get("contacts/duplicates/").headers["etag"]
    assert alice.phone.request("GET", "contacts/duplicates/", headers={"If-None-Match": etag}).status == 304


def test_listing_takes_three_queries_however_many_there_are(alice: Person) -> None:
    for number in range(30):
        make_contact(alice, display_name=f"C{number % 5}")
    alice.get("contacts/duplicates/")
    with queries() as asked:
        assert len(alice.get("contacts/duplicates/").json["data"]) == 25
    assert asked == [
        "organization",  # the tag of the list
        "contact_identity",
        "contact",
    ]
