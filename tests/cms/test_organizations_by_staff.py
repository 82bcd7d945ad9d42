"""What staff see of organizations and do in them: the rules of owners hold, who may not is refused, the trail tells why."""

from http import HTTPStatus

import pytest

from api.apis.orgs import services as orgs
from api.exceptions import Forbidden, NotThere
from api.models import ActorKind, AuditEntry, Channel, Invitation, Job, Membership, Organization, User
from api.models.base import uuid7
from api.platform import memberships
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db


def as_user(person) -> Caller:
    return Caller(
        kind=ActorKind.USER,
        channel=Channel.API,
        user_id=person.user.id,
        memberships=memberships.of_person(person.user.id),
    )


def role_of(person, group) -> str | None:
    return Membership.objects.filter(user=person.user, organization=group).values_list("role", flat=True).first()


def test_the_page_shows_members_invitations_keys_and_the_trail(staff, alice, bob, team):
    orgs.invite(as_user(alice), organization=str(team.id), email="new@example.com", role="member")
    page = staff.text(f"/cms/orgs/{team.id}/")
    for expected in (
        alice.user.username,
        bob.user.username,
        "new@example.com",
        "Take back…",
        "Rename…",
        "Latest in the audit trail",
    ):
        assert expected in page


def test_who_may_only_read_is_offered_nothing_to_change(new_staff, alice, team):
    page = new_staff(roles=["Auditor"]).text(f"/cms/orgs/{team.id}/")
    assert alice.user.username in page
    assert not any(word in page for word in ("Rename…", "Delete…", "Take out…", "Hand over…"))


def test_a_group_is_made_for_somebody(staff, alice):
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=True)
    answer = staff.post("/cms/orgs/add/", name="Support's gift", owner=alice.email, reason="Asked by phone")
    group = Organization.objects.get(name="Support's gift")
    assert answer["Location"] == f"/cms/orgs/{group.id}/"
    assert role_of(alice, group) == "owner"
    assert AuditEntry.objects.get(action="org.created", target_id=str(group.id)).reason == "Asked by phone"


def test_somebody_who_cannot_answer_for_a_group_gets_none(staff, alice):
    User.objects.filter(id=alice.user.id).update(is_email_confirmed=False)
    answer = staff.post("/cms/orgs/add/", name="Nobody's", owner=alice.email, reason="Asked by phone")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert not Organization.objects.filter(name="Nobody's").exists()


def test_a_group_is_renamed(staff, team):
    staff.post(f"/cms/orgs/{team.id}/rename/", name="Renamed", reason="A slur")
    assert Organization.objects.get(id=team.id).name == "Renamed"
    entry = AuditEntry.objects.get(action="org.renamed")
    assert (entry.actor_kind, entry.actor_id, entry.reason) == ("staff", str(staff.user.id), "A slur")
    wrong = staff.post(f"/cms/orgs/{team.id}/rename/", name="A\x07", reason="x")
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_role_is_changed_and_a_group_keeps_its_owner(staff, alice, bob, team):
    staff.post(f"/cms/orgs/{team.id}/members/{bob.user.id}/role/", role="admin", reason="Asked for")
    assert role_of(bob, team) == "admin"
    answer = staff.post(f"/cms/orgs/{team.id}/members/{alice.user.id}/role/", role="member", reason="Asked for")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "A group needs an owner" in answer.content.decode()
    assert role_of(alice, team) == "owner"


def test_a_group_is_handed_over(staff, alice, bob, team):
    User.objects.filter(id=bob.user.id).update(is_email_confirmed=True)
    answer = staff.post(f"/cms/orgs/{team.id}/members/{bob.user.id}/owner/", reason="Left the company")
    assert answer["Location"] == f"/cms/orgs/{team.id}/"
    assert Organization.objects.get(id=team.id).owner_id == bob.user.id
    assert (role_of(alice, team), role_of(bob, team)) == ("admin", "owner")


def test_a_member_is_taken_out_and_an_invitation_back(staff, alice, bob, team):
    staff.post(f"/cms/orgs/{team.id}/members/{bob.user.id}/remove/", reason="Spam")
    assert role_of(bob, team) is None
    orgs.invite(as_user(alice), organization=str(team.id), email="new@example.com", role="member")
    invitation = Invitation.objects.get()
    staff.post(f"/cms/orgs/{team.id}/invitations/{invitation.id}/revoke/", reason="Spam")
    assert Invitation.objects.get().state == "revoked"
    missing = staff.post(f"/cms/orgs/{team.id}/invitations/{uuid7()}/revoke/", reason="Spam")
    assert missing.status_code == HTTPStatus.NOT_FOUND


def test_a_group_is_deleted_only_by_its_name(staff, team):
    answer = staff.post(f"/cms/orgs/{team.id}/delete/", name="Another", reason="Asked for")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "This is not the organization" in answer.content.decode()
    staff.post(f"/cms/orgs/{team.id}/delete/", name=team.name, reason="Asked for")
    assert Organization.objects.get(id=team.id).deleted_at
    assert Job.objects.get(subject_id=team.id)


def test_a_personal_organization_stays_with_its_person(staff, alice):
    own = Organization.objects.get(personal_of=alice.user)
    page = staff.text(f"/cms/orgs/{own.id}/")
    assert "Delete…" not in page
    answer = staff.post(f"/cms/orgs/{own.id}/delete/", name=own.name, reason="x")
    assert answer.status_code == HTTPStatus.CONFLICT


def test_contacts_and_tags_are_looked_at(staff, alice, new_staff):
    own = Organization.objects.get(personal_of=alice.user)
    alice.post(
        "contacts/", {"display_name": "Grace Hopper", "emails": [{"label": "work", "value": "grace@example.com"}]}
    )
    page = staff.text(f"/cms/orgs/{own.id}/contacts/")
    assert "Grace Hopper" in page
    assert "grace@example.com" in page
    assert "No tags yet" in staff.text(f"/cms/orgs/{own.id}/tags/")
    support = new_staff(roles=["Support"])
    table = b"".join(support.get(f"/cms/orgs/{own.id}/contacts/?as=csv").streaming_content).decode()
    assert "Grace" not in table
    assert "created_at" in table


def test_staff_have_a_place_in_an_organization_only_by_their_duty(new_staff, team):
    support = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, user_id=new_staff(roles=["Support"]).user.id)
    with pytest.raises(Forbidden):
        orgs.as_owner(support, team.id)
    with pytest.raises(NotThere):
        orgs.rename_organization(support, organization=str(team.id), name="Mine")
