"""`GET orgs/<org_slug>/`: one of a person's organizations, by its slug or its UUID."""

import pytest

from api.models import Membership, Organization
from api.platform import memberships
from tests.conftest import Person
from tests.http.answers import problem_of, queries
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def test_members_see_it_by_slug_and_by_uuid(alice: Person, bob: Person, team: Organization) -> None:
    for person, role in ((alice, "owner"), (bob, "member")):
        by_slug = person.get(f"orgs/{team.slug}/")
        assert (by_slug.status, by_slug.json["id"], by_slug.json["role"]) == (200, str(team.id), role)
        assert person.get(f"orgs/{team.id}/").json == by_slug.json
        assert person.get(f"orgs/{str(team.id).upper()}/").json == by_slug.json


def test_what_the_list_shows_is_what_it_is(alice: Person, team: Organization) -> None:
    (row,) = [row for row in alice.get("orgs/").json["data"] if row["slug"] == team.slug]
    assert alice.get(f"orgs/{team.slug}/").json == row


def test_an_outsider_cannot_tell_it_from_one_that_is_missing(charlie: Person, team: Organization) -> None:
    charlie.get("orgs/")
    for foreign, missing in (
        (team.slug, "nobodys-aaaaaa"),
        (str(team.id), "00000000-0000-7000-8000-000000000000"),
        (team.slug.upper(), "nobodys"),
    ):
        answers, asked = [], []
        for name in (foreign, missing):
            with queries() as tables:
                answers.append(problem_of(charlie.get(f"orgs/{name}/"), 404, "not_found"))
            asked.append(tables)
        for answer in answers:
            answer.pop("request_id")
            answer.pop("instance")
        assert answers[0] == answers[1]
        assert asked[0] == asked[1] == []


def test_who_was_removed_finds_nothing_with_the_next_request(bob: Person, team: Organization) -> None:
    assert bob.get(f"orgs/{team.slug}/").status == 200
    memberships.changing([bob.user.id])
    Membership.objects.filter(user=bob.user, organization=team).delete()
    problem_of(bob.get(f"orgs/{team.slug}/"), 404, "not_found")


def test_a_slug_is_taken_as_it_is_written(alice: Person, team: Organization) -> None:
    for name in (
        team.slug.upper(),
        team.slug + "%20",
        team.slug[:-1],
        str(team.id).replace("-", ""),
        f"%7B{team.id}%7D",
    ):
        problem_of(alice.get(f"orgs/{name}/"), 404, "not_found")


def test_a_device_without_a_person_is_asked_to_sign_in(phone: Phone, team: Organization) -> None:
    problem_of(phone.request("GET", f"orgs/{team.slug}/"), 403, "sign_in_required")


def test_reading_takes_one_query(alice: Person, team: Organization) -> None:
    alice.get(f"orgs/{team.slug}/")
    with queries() as asked:
        alice.get(f"orgs/{team.slug}/")
    assert asked == ["organization"]
