"""Making, renaming and deleting groups."""

import pytest
from django.test import Client as Browser

from api.apis.orgs.services import organizations, ownership
from api.apis.orgs.services.invitations import link_of
from api.models import AuditEntry, Contact, Invitation, Membership, Organization, User
from tests.apis.contacts.trail import count_of
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.pages.test_links import press, text_of
from tests.phones import Phone

pytestmark = pytest.mark.django_db


def test_whoever_makes_a_group_owns_it(alice: Person) -> None:
    made = alice.post("orgs/", {"name": "Analytical Engines"})
    assert made.status == 201
    assert (made.json["kind"], made.json["role"], made.json["owner"]) == ("group", "owner", alice.user.username)
    assert made.json["slug"].startswith("analytical-engines-")
    assert alice.get(f"orgs/{made.json['slug']}/").json == made.json
    assert alice.post("contacts/", {"organization": made.json["slug"], "display_name": "Grace"}).status == 201
    entry = AuditEntry.objects.get(action="org.created", organization_id=made.json["id"])
    assert entry.actor_id == str(alice.user.id)


def test_a_person_belongs_to_a_bounded_number_of_organizations(
    alice: Person, charlie: Person, team: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request of theirs carries them all, and each list looks for rows of them all."""
    monkeypatch.setattr(ownership, "_MEMBERSHIPS_MOST", 3)
    User.objects.filter(id=charlie.user.id).update(is_email_confirmed=True)
    invited = alice.post(f"orgs/{team.slug}/invitations/", {"email": charlie.email}).json["id"]
    made = [charlie.post("orgs/", {"name": "One more"}) for _ in range(3)]
    assert [answer.status for answer in made] == [201, 201, 409]
    problem_of(made[2], 409, "too_many_organizations")
    problem_of(charlie.post("invitations/accept/", {"id": invited}), 409, "too_many_organizations")
    link = link_of(Invitation.objects.get(id=invited)).removeprefix("http://localhost:8000").replace("?", "/?")
    page = press(Browser(headers={"host": "localhost:8000"}), link)
    assert (page.status_code, "too many organizations" in text_of(page)) == (422, True)
    charlie.post(f"orgs/{made[0].json['slug']}/delete/", {"name": "One more"})
    assert charlie.post("invitations/accept/", {"id": invited}).status == 200


def test_a_slug_that_is_taken_is_not_drawn_again(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["family-aaaaaa", "family-aaaaaa", "family-bbbbbb"])
    monkeypatch.setattr(organizations, "slug_for", lambda _name: next(drawn))
    slugs = [alice.post("orgs/", {"name": "Family"}).json["slug"] for _ in range(2)]
    assert slugs == ["family-aaaaaa", "family-bbbbbb"]


def test_guests_have_no_groups(phone: Phone) -> None:
    phone.request("POST", "auth/guest/")
    phone.get_token()
    problem_of(phone.request("POST", "orgs/", {"name": "Mine"}), 403, "account_required")
    assert not Organization.objects.filter(kind="group").exists()


def test_a_name_is_text_of_a_bounded_length(alice: Person) -> None:
    for name, code in (("", "blank"), ("x" * 101, "max_length"), ("a\nb", "control"), (None, "null"), (7, "type")):
        assert errors_of(alice.post("orgs/", {"name": name})) == {"name": code}
    assert errors_of(alice.post("orgs/", {"name": "x", "owner": "bob"})) == {"owner": "unknown_field"}


def test_a_new_name_keeps_the_slug_and_is_a_change(alice: Person, team: Organization) -> None:
    before = count_of(team.id)
    read = alice.get(f"orgs/{team.slug}/")
    renamed = alice.phone.request(
        "PATCH", f"orgs/{team.slug}/", {"name": "Teams"}, headers={"If-Match": read.headers["etag"]}
    )
    assert (renamed.status, renamed.json["name"], renamed.json["slug"]) == (200, "Teams", team.slug)
    assert renamed.json["version"] == read.json["version"] + 1
    team.refresh_from_db()
    assert team.own_change_seq == team.change_seq == before + 1
    problem_of(
        alice.phone.request("PATCH", f"orgs/{team.slug}/", {"name": "X"}, headers={"If-Match": read.headers["etag"]}),
        412,
        "version_conflict",
    )
    alice.patch(f"orgs/{team.slug}/", {"name": "Teams"})
    assert count_of(team.id) == before + 1
    assert AuditEntry.objects.get(action="org.renamed").changes == {"name": ["Team", "Teams"]}


def test_members_do_not_rename_it(bob: Person, team: Organization) -> None:
    problem_of(bob.patch(f"orgs/{team.slug}/", {"name": "Bob's"}), 403, "forbidden")


def test_a_personal_organization_is_renamed_and_never_deleted(alice: Person) -> None:
    own = alice.user.personal_organization
    assert alice.patch(f"orgs/{own.slug}/", {"name": "Me"}).json["name"] == "Me"
    problem_of(alice.post(f"orgs/{own.slug}/delete/", {"name": "Me"}), 409, "personal_organization")


def test_the_name_has_to_be_typed(alice: Person, team: Organization) -> None:
    assert errors_of(alice.phone.request("DELETE", f"orgs/{team.slug}/", {"name": "team"})) == {"name": "mismatch"}
    assert errors_of(alice.post(f"orgs/{team.slug}/delete/", {})) == {"name": "required"}
    for verb, path in (("DELETE", f"orgs/{team.slug}/"), ("POST", f"orgs/{team.slug}/delete/")):
        problem_of(alice.phone.request(verb, path, {"name": float("inf")}), 400, "malformed_body")
    assert Membership.objects.filter(organization=team).count() == 2


def test_admins_do_not_delete_it(bob: Person, team: Organization) -> None:
    Membership.objects.filter(user=bob.user).update(role="admin")
    problem_of(bob.post(f"orgs/{team.slug}/delete/", {"name": "Team"}), 403, "forbidden")


def test_what_reaches_a_deleted_group_a_moment_late_finds_nothing(
    alice: Person, team: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that passed the gate before: it was a member's, and is not any more."""
    alice.post(f"orgs/{team.slug}/delete/", {"name": "Team"})
    Membership.objects.create(user=alice.user, organization=team, role="owner")
    problem_of(alice.post("contacts/", {"organization": team.slug, "display_name": "Late"}), 404, "not_found")
    problem_of(alice.patch(f"orgs/{team.slug}/", {"name": "Late"}), 404, "not_found")
    assert not Contact.objects.filter(organization=team).exists()
