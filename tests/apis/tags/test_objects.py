"""`orgs/<org_slug>/tags/<app_label>/<model>/<obj_id>/`: tags on objects of any registered kind."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.apis.contacts import services as contacts
from api.models import AuditEntry, Contact, Organization, Tag, TagLink
from api.models.base import uuid7
from api.platform import kinds
from tests.apis.contacts.rows import caller_of, make_contact
from tests.apis.contacts.trail import count_of
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of

pytestmark = pytest.mark.django_db


def path_of(organization: Organization, obj: Contact | Organization) -> str:
    kind = "contacts/contact" if isinstance(obj, Contact) else "organizations/organization"
    return f"orgs/{organization.slug}/tags/{kind}/{obj.slug}/"


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def test_tags_are_put_on_and_what_is_missing_is_made(alice: Person, bob: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    before, version = count_of(team.id), contact.version
    answer = bob.post(path_of(team, contact), ["VIP", "C++", "vip", "C#"])
    assert (answer.status, names(answer.json["data"])) == (200, ["C#", "C++", "VIP"])
    # Three tags, three links; the contact itself is no other one.
    assert count_of(team.id) == before + 6
    assert sorted(
        [*Tag.objects.values_list("change_seq", flat=True), *TagLink.objects.values_list("change_seq", flat=True)]
    ) == list(range(before + 1, before + 7))
    read = alice.get(f"contacts/{contact.slug}/").json
    assert read["version"] == version
    assert read["tags"] == [
        {name: row[name] for name in ("id", "slug", "name", "color")} for row in answer.json["data"]
    ]
    assert alice.get("contacts/").json["data"] == [read]
    assert alice.get(path_of(team, contact)).json["data"] == answer.json["data"]
    entry = AuditEntry.objects.get(action="tag.assigned")
    assert (entry.target_kind, entry.target_id) == ("contact", str(contact.id))


def test_putting_them_on_again_changes_nothing(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    alice.post(path_of(team, contact), ["VIP"])
    count, entries = count_of(team.id), AuditEntry.objects.count()
    assert alice.post(path_of(team, contact), ["Vip"]).status == 200
    assert (count_of(team.id), AuditEntry.objects.count()) == (count, entries)


def test_an_organization_has_tags_too(alice: Person, team: Organization) -> None:
    assert names(alice.post(path_of(team, team), ["Partner"]).json["data"]) == ["Partner"]
    assert alice.get("contacts/").json["data"] == []


def test_a_tag_is_taken_off(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    alice.post(path_of(team, contact), ["C++", "VIP"])
    before = count_of(team.id)
    assert alice.delete(path_of(team, contact) + "c-plus-plus/").status == 204
    assert count_of(team.id) == before + 1
    assert names(alice.get(f"contacts/{contact.slug}/").json["tags"]) == ["VIP"]
    assert Tag.objects.filter(name="C++").exists()
    for slug in ("c-plus-plus", "nothing", "ä", "%"):
        problem_of(alice.delete(path_of(team, contact) + f"{slug}/"), 404, "not_found")


def test_it_is_all_or_nothing(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    path = path_of(team, contact)
    before = count_of(team.id)
    assert errors_of(alice.post(path, ["A", "", "x" * 51])).keys() == {"1", "2"}
    assert errors_of(alice.post(path, ["A", 7])).keys() == {"1"}
    for body in ([], {}, "A", None, [["A"]], [{}], ["x"] * 51):
        assert errors_of(alice.post(path, body))
    assert errors_of(alice.post(path, ["A", "ﷺ" * 50])) == {"1": "max_length"}
    assert not Tag.objects.exists()
    assert count_of(team.id) == before


def test_an_object_has_a_hundred_tags(alice: Person, team: Organization) -> None:
    path = path_of(team, make_contact(alice, team))
    assert alice.post(path, [f"a{number}" for number in range(50)]).status == 200
    assert alice.post(path, [f"b{number}" for number in range(50)]).status == 200
    problem_of(alice.post(path, ["c"]), 409, "too_many_tags")
    assert not Tag.objects.filter(name="c").exists()
    assert alice.post(path, ["a0"]).status == 200


def test_what_is_not_registered_not_ours_or_not_there_is_the_same(
    alice: Person, charlie: Person, team: Organization
) -> None:
    ours, theirs = make_contact(alice, team), make_contact(charlie)
    mine = make_contact(alice)
    told = []
    for place in (
        f"contacts/contact/{theirs.slug}",
        f"contacts/contact/{theirs.id}",
        f"contacts/contact/{mine.slug}",  # alice's own, and not the team's
        "contacts/contact/nobody",
        f"contacts/Contact/{ours.slug}",
        f"users/user/{alice.user.id}",
        f"api/contact/{ours.slug}",
        f"organizations/organization/{charlie.user.personal_organization.slug}",
        f"organizations/organization/{alice.user.personal_organization.slug}",
    ):
        for answer in (
            alice.get(f"orgs/{team.slug}/tags/{place}/"),
            alice.post(f"orgs/{team.slug}/tags/{place}/", ["VIP"]),
            alice.delete(f"orgs/{team.slug}/tags/{place}/vip/"),
        ):
            document = problem_of(answer, 404, "not_found")
            told.append({name: value for name, value in document.items() if name not in {"request_id", "instance"}})
    assert all(document == told[0] for document in told)
    assert not Tag.objects.exists()


@pytest.mark.parametrize("whose", ["tags", "images"])
def test_a_refusal_asks_as_much_whatever_it_refuses(
    alice: Person, charlie: Person, team: Organization, whose: str
) -> None:
    """How long it takes tells nothing either."""
    theirs = make_contact(charlie)
    path = f"orgs/{team.slug}/tags/" if whose == "tags" else f"images/orgs/{team.slug}/images/"
    for first in (alice.get, alice.post):  # the limits of whoever comes first are made
        first(f"{path}contacts/contact/{uuid7()}/")
    told = set()
    for place in (
        f"contacts/contact/{uuid7()}",
        f"contacts/contact/{theirs.slug}",
        f"contacts/contact/{theirs.id}",
        "contacts/contact/%C3%A9",
        f"users/user/{alice.user.id}",
        "auth/session/1",
        "images/image/99",
        "images/image/no-number",
        f"organizations/organization/{theirs.organization_id}",
    ):
        asked = []
        for call in (
            alice.get,
            lambda there: alice.post(there, ["VIP"] if whose == "tags" else {"image_id": 1}),
        ):
            with CaptureQueriesContext(connection) as queries:
                problem_of(call(f"{path}{place}/"), 404, "not_found")
            asked.append(len(queries))
        told.add(tuple(asked))
    assert len(told) == 1, told


# -- contacts by their tags


def test_contacts_are_filtered_by_tag(alice: Person, bob: Person, team: Organization) -> None:
    for name, tags in (("A", ["VIP"]), ("B", ["VIP", "Lead"]), ("C", ["Lead"]), ("D", [])):
        contact = make_contact(alice, team, display_name=name)
        if tags:
            alice.post(path_of(team, contact), tags)
    own = make_contact(alice, display_name="E")
    alice.post(path_of(alice.user.personal_organization, own), ["vip"])
    other = make_contact(bob, display_name="F")
    bob.post(path_of(bob.user.personal_organization, other), ["vip"])

    def found(person: Person, **params: Any) -> list[str]:
        return [row["display_name"] for row in person.get("contacts/", **params).json["data"]]

    assert found(alice, **{"filter[tag]": "vip"}) == ["A", "B", "E"]
    assert found(alice, **{"filter[tag]": "vip", "filter[org]": team.slug}) == ["A", "B"]
    assert found(alice, **{"filter[tag]": "vip,lead", "filter[org]": team.slug}) == ["A", "B", "C"]
    assert found(alice, **{"filter[tag]": "lead", "q": "b"}) == ["B"]
    for nothing in ("none", "", "ä", "x" * 300, "%"):
        assert found(alice, total="true", **{"filter[tag]": nothing}) == []
    assert alice.get("contacts/", total="true", **{"filter[tag]": "vip"}).json["meta"]["total"] == 3


def test_a_list_that_was_read_is_another_one_once_it_is_tagged(alice: Person) -> None:
    contact = make_contact(alice)
    before = alice.get("contacts/").headers["etag"]
    one = alice.get(f"contacts/{contact.slug}/").headers["etag"]
    alice.post(path_of(alice.user.personal_organization, contact), ["VIP"])
    assert alice.get("contacts/").headers["etag"] != before
    now = alice.get(f"contacts/{contact.slug}/").headers["etag"]
    assert now != one
    # To tag a contact is not to change it: who has read it before may still do that.
    answer = alice.phone.request("PATCH", f"contacts/{contact.slug}/", {"title": "Dr"}, headers={"If-Match": one})
    assert answer.status == 200


def test_tags_go_along_with_contacts_that_move(alice: Person, team: Organization) -> None:
    own = alice.user.personal_organization
    contact = make_contact(alice)
    alice.post(path_of(own, contact), ["VIP", "Own"])
    vip = alice.post(f"orgs/{team.slug}/tags/", {"name": "vip"}).json
    alice.post(f"orgs/{team.slug}/tags/", {"name": "Own!"})
    contacts.move_all(caller_of(alice), source=own.id, target=team.id)
    tags = alice.get(f"contacts/{contact.slug}/").json["tags"]
    assert [(tag["name"], tag["slug"]) for tag in tags] == [("Own", "own"), ("vip", "vip")]
    assert tags[1]["id"] == vip["id"]
    assert set(TagLink.objects.values_list("organization_id", flat=True)) == {team.id}
    seqs = [*TagLink.objects.values_list("change_seq", flat=True), Tag.objects.get(name="Own").change_seq]
    assert len(set(seqs)) == 3
    assert max(seqs) <= count_of(team.id)


def test_tags_stay_on_a_contact_that_is_restored_and_go_with_its_tombstone(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    alice.post(path_of(team, contact), ["VIP"])
    alice.delete(f"contacts/{contact.slug}/")
    problem_of(alice.get(path_of(team, contact)), 404, "not_found")
    assert names(alice.post(f"contacts/{contact.slug}/restore/").json["tags"]) == ["VIP"]
    Contact.objects.filter(id=contact.id).update(deleted_at="2020-01-01T00:00:00Z")
    contacts.forget_tombstones()
    assert not TagLink.objects.filter(kind=kinds.CONTACT).exists()
