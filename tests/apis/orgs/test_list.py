"""`GET orgs/`: the organizations that a person is a member of, with their role there."""

import pytest

from api.models import Membership, Organization, Role
from api.platform import memberships
from tests import factories
from tests.conftest import Person
from tests.http.answers import problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def slugs(person: Person, **params: str) -> list[str]:
    answer = person.get("orgs/", **params)
    assert answer.status == 200, answer.body
    return [row["slug"] for row in answer.json["data"]]


def test_everybody_has_a_personal_organization_of_their_own(alice: Person) -> None:
    (own,) = alice.get("orgs/").json["data"]
    assert (own["kind"], own["role"], own["owner"]) == ("personal", "owner", alice.user.username)
    assert own.keys() == {"id", "slug", "name", "kind", "owner", "role", "version", "created_at", "updated_at"}
    assert own["created_at"].endswith("Z")


def test_members_see_the_organization_with_their_role(alice: Person, bob: Person, team: Organization) -> None:
    roles = {}
    for person in (alice, bob):
        (row,) = [row for row in person.get("orgs/").json["data"] if row["slug"] == team.slug]
        roles[person.user.username] = (row["role"], row["owner"], row["kind"])
    assert roles == {
        alice.user.username: ("owner", alice.user.username, "group"),
        bob.user.username: ("member", alice.user.username, "group"),
    }


def test_outsiders_do_not_see_it(charlie: Person, team: Organization) -> None:
    assert team.slug not in slugs(charlie)
    assert len(slugs(charlie)) == 1


def test_who_was_removed_does_not_see_it_with_the_next_request(bob: Person, team: Organization) -> None:
    assert team.slug in slugs(bob)
    memberships.changing([bob.user.id])
    Membership.objects.filter(user=bob.user, organization=team).delete()
    assert team.slug not in slugs(bob)


def test_a_new_role_is_seen_with_the_next_request(bob: Person, team: Organization) -> None:
    assert team.slug in slugs(bob)
    memberships.changing([bob.user.id])
    Membership.objects.filter(user=bob.user, organization=team).update(role=Role.BILLING)
    (row,) = [row for row in bob.get("orgs/").json["data"] if row["slug"] == team.slug]
    assert row["role"] == "billing"


def test_the_oldest_comes_first_unless_it_is_sorted(alice: Person) -> None:
    own = alice.user.personal_organization.slug
    groups = {name: factories.group(alice.user, name=name).slug for name in ("Zebra", "Antelope", "Marmot")}
    Organization.objects.filter(personal_of=alice.user).update(name="Koala")
    assert slugs(alice) == [own, groups["Zebra"], groups["Antelope"], groups["Marmot"]]
    assert slugs(alice, sort="-created_at") == list(reversed(slugs(alice)))
    by_name = [groups["Antelope"], own, groups["Marmot"], groups["Zebra"]]
    assert slugs(alice, sort="name") == by_name
    assert slugs(alice, sort="-name") == list(reversed(by_name))
    first = alice.get("orgs/", sort="name", limit="3", total="true").json
    assert first["meta"]["total"] == 4
    assert slugs(alice, sort="name", cursor=first["meta"]["next"]) == by_name[3:]


def test_organizations_of_the_same_name_are_all_listed(alice: Person) -> None:
    for _ in range(5):
        factories.group(alice.user, name="Twin")
    seen: list[str] = []
    cursor = None
    while True:
        params = {"sort": "name", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        answer = alice.get("orgs/", **params).json
        seen += [row["id"] for row in answer["data"]]
        cursor = answer["meta"]["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6


def test_a_device_without_a_person_is_asked_to_sign_in(phone: Phone) -> None:
    problem_of(phone.request("GET", "orgs/"), 403, "sign_in_required")


def test_listing_takes_one_query_however_many_there_are(alice: Person) -> None:
    for number in range(5):
        factories.group(alice.user, name=f"Group {number}")
    alice.get("orgs/")
    with queries() as asked:
        assert len(alice.get("orgs/").json["data"]) == 6
    # The page, with each organization's owner joined in.
    assert asked == ["organization"]
