"""What staff see of organizations and do in them: the rules of owners hold, who may not is refused, the trail tells why."""

import re
from http import HTTPStatus

import pytest

from api.apis.orgs import services as orgs
from api.exceptions import Forbidden, NotThere
from api.models import (
    ActorKind,
    ApiKey,
    AuditEntry,
    Channel,
    Invitation,
    Job,
    Membership,
    Organization,
    OutboxMessage,
    User,
)
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


def test_somebody_is_invited_in_the_name_of_the_owner(staff, alice, bob, team):
    there = f"/cms/orgs/{team.id}/invitations/"
    answer = staff.post(f"{there}add/", email="New@example.com", role="admin", reason="Asked by phone")
    assert answer["Location"] == f"/cms/orgs/{team.id}/"
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role, invitation.invited_by_id) == ("New@example.com", "admin", alice.user.id)
    entry = AuditEntry.objects.get(action="org.invitation_sent")
    assert (entry.actor_kind, entry.actor_id, entry.reason) == ("staff", str(staff.user.id), "Asked by phone")
    staff.post(f"{there}{invitation.id}/resend/", reason="It went astray")
    again = Invitation.objects.get()
    assert again.invited_by_id == alice.user.id
    assert again.sent_at > invitation.sent_at
    for email, role, status in ((bob.email, "member", 409), ("nobody", "member", 422), ("a@example.com", "owner", 422)):
        assert staff.post(f"{there}add/", email=email, role=role, reason="x").status_code == status
    own = Organization.objects.get(personal_of=alice.user)
    refused = staff.post(f"/cms/orgs/{own.id}/invitations/add/", email="a@example.com", role="member", reason="x")
    assert refused.status_code == HTTPStatus.CONFLICT
    assert Invitation.objects.count() == 1


def test_the_invitation_lets_its_person_in(staff, alice, new_person, team):
    grace = new_person("grace")
    User.objects.filter(id=grace.user.id).update(is_email_confirmed=True)
    staff.post(f"/cms/orgs/{team.id}/invitations/add/", email=grace.email, role="member", reason="Asked by phone")
    assert grace.post("invitations/accept/", {"id": str(Invitation.objects.get().id)}).status in (200, 201)
    assert role_of(grace, team) == "member"


def test_a_key_is_made_that_the_owner_holds_and_shown_once(staff, alice, team):
    there = f"/cms/orgs/{team.id}/keys/add/"
    answer = staff.post(there, name="Sync", scopes=["contacts:read"], expires_at="", reason="Their service")
    assert answer.status_code == HTTPStatus.OK
    assert answer["Cache-Control"] == "no-store"
    key = ApiKey.objects.get()
    text = re.search(r'class="secret">(hs_[^<]+)<', answer.content.decode())[1]
    assert text.startswith(key.prefix)
    assert (key.holder_id, key.scopes) == (alice.user.id, ["contacts:read"])
    entry = AuditEntry.objects.get(action="api_key.created")
    assert (entry.actor_id, entry.reason) == (str(staff.user.id), "Their service")
    page = staff.text(f"/cms/orgs/{team.id}/")
    assert key.prefix in page
    assert text not in page
    called = staff.browser.get("/api/v1/contacts/", headers={"authorization": f"Api-Key {text}", "accept": "*/*"})
    assert called.status_code == HTTPStatus.OK
    staff.post(f"/cms/orgs/{team.id}/keys/{key.id}/revoke/", reason="It leaked")
    assert ApiKey.objects.get().revoked_at is not None


def test_what_no_key_can_be_is_refused(staff, team, settings):
    there = f"/cms/orgs/{team.id}/keys/add/"
    for said in (
        {"name": "Sync", "scopes": ["everything"], "expires_at": ""},
        {"name": "Sync", "scopes": [], "expires_at": ""},
        {"name": "Sync", "scopes": ["contacts:read"], "expires_at": "2020-01-01"},
        {"name": "", "scopes": ["contacts:read"], "expires_at": ""},
    ):
        assert staff.post(there, **said, reason="x").status_code == HTTPStatus.UNPROCESSABLE_ENTITY, said
    settings.FRESH_PROOF_SECONDS = 0
    answer = staff.post(there, name="Sync", scopes=["contacts:read"], expires_at="", reason="x")
    assert answer["Location"].startswith("/cms/me/proof/")
    assert not ApiKey.objects.exists()


def test_staff_lend_nobodys_name_who_is_above_them_or_shut_out(staff, root, alice, team):
    there = f"/cms/orgs/{team.id}/keys/add/"
    said = {"name": "Sync", "scopes": ["contacts:read"], "expires_at": "", "reason": "x"}
    User.objects.filter(id=alice.user.id).update(is_active=False)
    assert staff.post(there, **said).status_code == HTTPStatus.FORBIDDEN
    User.objects.filter(id=alice.user.id).update(is_active=True, is_superuser=True)
    assert staff.post(there, **said).status_code == HTTPStatus.FORBIDDEN
    assert not ApiKey.objects.exists()
    assert root.post(there, **said).status_code == HTTPStatus.OK


def test_exports_are_seen_but_not_fetched(staff, new_staff, alice, team):
    assert alice.post(f"orgs/{team.slug}/export/").status == 202
    page = staff.text(f"/cms/orgs/{team.id}/")
    assert "Running" in page
    assert f"/cms/jobs/{OutboxMessage.objects.get(task='export.build').id}/" in page
    support = new_staff(roles=["Support"]).text(f"/cms/orgs/{team.id}/")
    assert "Running" in support
    assert "/cms/jobs/" not in support


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
