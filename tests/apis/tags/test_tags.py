"""`orgs/<org_slug>/tags/`: an organization's tags, made, renamed and deleted."""

from typing import Any

import pytest
from handset_client import Answer

from api.models import AuditEntry, Organization, Role, Tag, TagLink
from api.models.base import uuid7
from tests import factories
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import count_of
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db


def make_tag(person: Person, organization: Organization, name: str, **more: Any) -> dict[str, Any]:
    answer = person.post(f"orgs/{organization.slug}/tags/", {"name": name, **more})
    assert answer.status == 201, answer.body
    return dict(answer.json)


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [row["name"] for row in answer.json["data"]]


def test_a_tag_comes_back_as_it_was_made(alice: Person, bob: Person, team: Organization) -> None:
    before = count_of(team.id)
    made = make_tag(bob, team, "Big Customer", color="#AA00ff")
    assert (made["name"], made["slug"], made["color"], made["version"]) == (
        "Big Customer",
        "big-customer",
        "#aa00ff",
        1,
    )
    assert count_of(team.id) == before + 1 == Tag.objects.get(id=made["id"]).change_seq
    assert alice.get(f"orgs/{team.slug}/tags/{made['id']}/").json == made
    assert alice.get(f"orgs/{team.slug}/tags/").json["data"] == [made]
    entry = AuditEntry.objects.get(action="tag.created")
    assert (entry.target_id, entry.changes) == (str(made["id"]), {"name": [None, "Big Customer"]})


def test_a_name_is_there_once_whatever_its_capitals(alice: Person, team: Organization) -> None:
    make_tag(alice, team, "Straße")
    for name in ("Straße", "STRASSE", "ｓｔｒａｓｓｅ", " strasse "):
        problem_of(alice.post(f"orgs/{team.slug}/tags/", {"name": name}), 409, "tag_exists")
    make_tag(alice, alice.user.personal_organization, "Straße")


def test_slugs_tell_apart_what_names_tell_apart(alice: Person, team: Organization) -> None:
    slugs = [
        make_tag(alice, team, name)["slug"] for name in ("C", "C++", "C#", "c.", "C?", "日本", "中国", "R&D", "Zoë")
    ]
    assert slugs == ["c", "c-plus-plus", "c-sharp", "c-2", "c-3", "tag", "tag-2", "r-and-d", "zoe"]


def test_a_new_name_comes_with_a_new_slug(alice: Person, team: Organization) -> None:
    made = make_tag(alice, team, "Lead")
    path = f"orgs/{team.slug}/tags/{made['id']}/"
    changed = alice.patch(path, {"name": "Client", "color": "#000000"}).json
    assert (changed["name"], changed["slug"], changed["color"], changed["version"]) == (
        "Client",
        "client",
        "#000000",
        2,
    )
    # Its own slug is no other's; other capitals are no other name.
    assert alice.patch(path, {"name": "CLIENT"}).json["slug"] == "client"
    before = count_of(team.id)
    assert alice.patch(path, {"name": "CLIENT"}).json["version"] == 3
    assert count_of(team.id) == before
    assert alice.patch(path, {"color": None}).json["color"] is None
    make_tag(alice, team, "Lead")
    problem_of(alice.patch(path, {"name": "lead"}), 409, "tag_exists")


def test_a_change_in_view_of_another_version_is_refused(alice: Person, team: Organization) -> None:
    made = make_tag(alice, team, "Lead")
    path = f"orgs/{team.slug}/tags/{made['id']}/"
    alice.patch(path, {"name": "Client"})
    for call in (
        lambda: alice.phone.request("PATCH", path, {"name": "Other"}, headers={"If-Match": '"1"'}),
        lambda: alice.phone.request("DELETE", path, headers={"If-Match": '"1"'}),
    ):
        problem_of(call(), 412, "version_conflict")
    assert alice.phone.request("DELETE", path, headers={"If-Match": '"2"'}).status == 204


def test_a_deleted_tag_is_taken_off_everything(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    alice.post(f"orgs/{team.slug}/tags/contacts/contact/{contact.slug}/", ["VIP", "Lead"])
    vip = Tag.objects.get(name="VIP")
    before = count_of(team.id)
    assert alice.delete(f"orgs/{team.slug}/tags/{vip.id}/").status == 204
    assert [tag["name"] for tag in alice.get(f"contacts/{contact.slug}/").json["tags"]] == ["Lead"]
    assert count_of(team.id) == before + 1
    problem_of(alice.delete(f"orgs/{team.slug}/tags/{vip.id}/"), 404, "not_found")
    assert not TagLink.objects.filter(tag_id=vip.id).exists()


def test_tags_are_found_by_how_they_begin(alice: Person, team: Organization) -> None:
    for name in ("Éclair", "alpha", "Beta", "betamax", "50%"):
        make_tag(alice, team, name)
    path = f"orgs/{team.slug}/tags/"
    assert names(alice.get(path)) == ["50%", "alpha", "Beta", "betamax", "Éclair"]
    assert names(alice.get(path, q="BETA")) == ["Beta", "betamax"]
    assert names(alice.get(path, q="%")) == []
    assert names(alice.get(path, q="x" * 200)) == []
    assert names(alice.get(path, sort="-created_at", limit="1")) == ["50%"]


def test_the_same_creation_again_finds_it_made(alice: Person, charlie: Person, team: Organization) -> None:
    body = {"uid": str(uuid7()), "name": "VIP"}
    first = alice.post(f"orgs/{team.slug}/tags/", body)
    again = alice.post(f"orgs/{team.slug}/tags/", body)
    assert (first.status, again.status, first.json) == (201, 200, again.json)
    problem_of(alice.post(f"orgs/{team.slug}/tags/", {**body, "name": "Other"}), 409, "id_conflict")
    own = charlie.user.personal_organization.slug
    problem_of(charlie.post(f"orgs/{own}/tags/", body), 409, "id_conflict")


def test_names_and_colors_that_are_none_are_refused(alice: Person, team: Organization) -> None:
    path = f"orgs/{team.slug}/tags/"
    for name in ("", "  ", "x" * 51, None, 7, "a\x00b", "a\nb"):
        assert errors_of(alice.post(path, {"name": name})).keys() == {"name"}
    for color in ("red", "#fff", "#12345g", 7):
        assert errors_of(alice.post(path, {"name": "A", "color": color})).keys() == {"color"}
    make_tag(alice, team, "🍣" * 50)
    assert errors_of(alice.post(path, {"name": "ﷺ" * 50})) == {"name": "max_length"}  # as long as 18 letters each


def test_who_only_pays_reads_and_changes_nothing(alice: Person, bob: Person) -> None:
    group = factories.group(alice.user, {bob.user: Role.BILLING})
    made = make_tag(alice, group, "VIP")
    assert names(bob.get(f"orgs/{group.slug}/tags/")) == ["VIP"]
    problem_of(bob.post(f"orgs/{group.slug}/tags/", {"name": "A"}), 403, "forbidden")
    problem_of(bob.patch(f"orgs/{group.slug}/tags/{made['id']}/", {"name": "A"}), 403, "forbidden")
    problem_of(bob.delete(f"orgs/{group.slug}/tags/{made['id']}/"), 403, "forbidden")
