"""Asking addresses into groups: by mail and in the app, for the confirmed owner of the address and nobody else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone

from api.apis.auth import services as auth
from api.apis.orgs.services import invitations
from api.models import AuditEntry, Invitation, Membership, Notification, Organization, User
from api.platform import callers, memberships, state
from tests.apis.auth.mailbox import received
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.pages.test_links import press, text_of
from tests.phones import Phone

pytestmark = pytest.mark.django_db

NewPerson = Callable[..., Person]


@pytest.fixture
def browser() -> Browser:
    return Browser(enforce_csrf_checks=True, raise_request_exception=False, headers={"host": "localhost:8000"})


@pytest.fixture
def new_group(alice: Person) -> Callable[[], Organization]:
    return lambda: Organization.objects.get(id=alice.post("orgs/", {"name": "Another"}).json["id"])


def confirm(*people: Person) -> None:
    User.objects.filter(id__in=[person.user.id for person in people]).update(is_email_confirmed=True)


def role_of(person: Person, team: Organization) -> str | None:
    return Membership.objects.filter(user=person.user, organization=team).values_list("role", flat=True).first()


def invite(by: Person, team: Organization, email: str, **more: Any) -> dict[str, Any]:
    answer = by.post(f"orgs/{team.slug}/invitations/", {"email": email, **more})
    assert answer.status == 201, answer.body
    return dict(answer.json)


def token_for(email: str) -> str:
    mail = [mail for mail in received(email) if "invited" in mail.subject][-1]
    return mail.token


def test_who_is_invited_joins_by_the_mailed_link(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    received()
    invited = invite(alice, team, charlie.email.upper(), role="admin")
    assert (invited["organization"], invited["organization_name"], invited["role"]) == (team.slug, "Team", "admin")
    assert invited["invited_by"] == alice.user.username
    (mail,) = received(charlie.email)  # as the account has it
    assert (alice.user.username in mail.text, "Team" in mail.subject) == (True, True)
    joined = charlie.post("invitations/accept/", {"token": mail.token})
    assert (joined.status, joined.json["slug"], joined.json["role"]) == (200, team.slug, "admin")
    assert charlie.get(f"orgs/{team.slug}/").status == 200
    again = charlie.post("invitations/accept/", {"token": mail.token})
    assert (again.status, again.json) == (200, joined.json)
    assert Membership.objects.filter(user=charlie.user, organization=team).count() == 1
    told = AuditEntry.objects.filter(organization_id=team.id).order_by("id").values_list("action", flat=True)
    assert list(told) == ["org.invitation_sent", "org.invitation_accepted"]


def test_who_is_invited_joins_in_the_app(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    invited = invite(alice, team, charlie.email)
    (row,) = charlie.get("invitations/").json["data"]
    assert row == invited
    assert Notification.objects.get(type="org.invited").recipient_id == charlie.user.id
    assert charlie.post("invitations/accept/", {"id": row["id"]}).json["role"] == "member"
    assert charlie.get("invitations/").json["data"] == []


def test_nobody_else_accepts_even_with_the_link(
    alice: Person, bob: Person, charlie: Person, team: Organization, phone: Phone
) -> None:
    invited = invite(alice, team, charlie.email)
    token = token_for(charlie.email)
    mallory = bob
    Membership.objects.filter(user=mallory.user).exclude(organization__personal_of=mallory.user).delete()
    memberships.changing([mallory.user.id])
    confirm(mallory)
    missing = problem_of(mallory.post("invitations/accept/", {"id": str(alice.user.id)}), 404, "not_found")
    for body in ({"token": token}, {"id": invited["id"]}):
        for verb in ("accept", "decline"):
            told = problem_of(mallory.post(f"invitations/{verb}/", body), 404, "not_found")
            assert told["detail"] == missing["detail"]
            # The right address, but nobody has shown that they read its mails.
            problem_of(charlie.post(f"invitations/{verb}/", body), 403, "address_not_confirmed")
    assert charlie.get("invitations/").json["data"] == mallory.get("invitations/").json["data"] == []
    phone.request("POST", "auth/guest/")
    phone.get_token()
    problem_of(phone.request("POST", "invitations/accept/", {"token": token}), 403, "account_required")
    assert role_of(charlie, team) is role_of(mallory, team) is None


def test_inviting_again_sends_again_at_any_count(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    first = invite(alice, team, charlie.email)
    tokens = {token_for(charlie.email)}
    for role in ("admin", "billing", "member"):
        again = alice.post(f"orgs/{team.slug}/invitations/", {"email": charlie.email, "role": role})
        assert (again.status, again.json["id"], again.json["role"]) == (200, first["id"], role)
        tokens.add(token_for(charlie.email))
    sent = alice.post(f"orgs/{team.slug}/invitations/{first['id']}/resend/")
    assert (sent.status, sent.json["id"]) == (200, first["id"])
    tokens.add(token_for(charlie.email))
    assert len(tokens) == 1  # whichever of the mails somebody opens
    assert Invitation.objects.count() == 1
    assert [row["id"] for row in alice.get(f"orgs/{team.slug}/invitations/").json["data"]] == [first["id"]]


def test_an_invitation_lasts_a_week(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    invited = invite(alice, team, charlie.email)
    token = token_for(charlie.email)
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1)):
        for person in (alice, charlie):
            person.phone.get_token()
        problem_of(charlie.post("invitations/accept/", {"token": token}), 404, "not_found")
        assert charlie.get("invitations/").json["data"] == []
        alice.post(f"orgs/{team.slug}/invitations/{invited['id']}/resend/")
        assert charlie.post("invitations/accept/", {"token": token}).status == 200


def test_what_was_taken_back_or_turned_down_is_void(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    for end in (
        lambda row: alice.delete(f"orgs/{team.slug}/invitations/{row['id']}/"),
        lambda row: charlie.post("invitations/decline/", {"id": row["id"]}),
    ):
        row = invite(alice, team, charlie.email)
        token = token_for(charlie.email)
        assert end(row).status == 204
        for body in ({"id": row["id"]}, {"token": token}):
            problem_of(charlie.post("invitations/accept/", body), 404, "not_found")
        assert alice.get(f"orgs/{team.slug}/invitations/").json["data"] == []
        problem_of(alice.delete(f"orgs/{team.slug}/invitations/{row['id']}/"), 404, "not_found")
    assert charlie.post("invitations/decline/", {"id": row["id"]}).status == 204  # repeated
    assert role_of(charlie, team) is None


@pytest.mark.parametrize("way", ["removed", "demoted", "left", "shut out"])
def test_an_invitation_is_worth_what_its_sender_is(
    alice: Person, bob: Person, charlie: Person, team: Organization, browser: Browser, way: str
) -> None:
    """Or somebody who was an admin comes back as one, by another address of theirs."""
    confirm(charlie)
    memberships.changing([bob.user.id])
    Membership.objects.filter(user=bob.user, organization=team).update(role="admin")
    row = invite(bob, team, charlie.email, role="admin")
    token = token_for(charlie.email)
    member = f"orgs/{team.slug}/members/{bob.user.username}/"
    match way:
        case "removed":
            assert alice.delete(member).status == 204
        case "demoted":
            assert alice.patch(member, {"role": "member"}).status == 200
        case "left":
            assert bob.post(f"orgs/{team.slug}/leave/").status == 204
        case _:
            auth.deactivate_person(callers.command(), user_id=bob.user.id)
    assert charlie.get("invitations/").json["data"] == []
    for body in ({"id": row["id"]}, {"token": token}):
        problem_of(charlie.post("invitations/accept/", body), 404, "not_found")
    assert browser.get(f"/invitation/?token={token}").status_code == 400
    assert role_of(charlie, team) is None
    # Another admin finds it there, and may vouch for it.
    (waiting,) = alice.get(f"orgs/{team.slug}/invitations/").json["data"]
    sent = alice.post(f"orgs/{team.slug}/invitations/{waiting['id']}/resend/")
    assert sent.json["invited_by"] == alice.user.username
    assert charlie.post("invitations/accept/", {"token": token}).json["role"] == "admin"


def test_where_members_invite_they_make_no_admins(
    alice: Person, bob: Person, charlie: Person, team: Organization, settings: Any, browser: Browser
) -> None:
    """Or each of them is one, by another address of theirs; nor by an invitation from the time when they were one."""
    confirm(charlie)
    settings.ORG_PERMISSIONS = '{"invitations.manage": ["owner", "admin", "member"]}'
    path = f"orgs/{team.slug}/invitations/"
    for role in ("admin", "billing"):
        problem_of(bob.post(path, {"email": charlie.email, "role": role}), 403, "forbidden")
    assert not Invitation.objects.exists()
    row = invite(bob, team, charlie.email)  # as a member
    assert alice.post(path, {"email": charlie.email, "role": "admin"}).status == 200
    problem_of(bob.post(f"{path}{row['id']}/resend/"), 403, "forbidden")
    problem_of(bob.post(path, {"email": charlie.email, "role": "admin"}), 403, "forbidden")
    member = f"orgs/{team.slug}/members/{bob.user.username}/"
    assert alice.patch(member, {"role": "admin"}).status == 200
    assert bob.post(f"{path}{row['id']}/resend/").json["invited_by"] == bob.user.username
    token = token_for(charlie.email)
    assert len(charlie.get("invitations/").json["data"]) == 1
    assert alice.patch(member, {"role": "member"}).status == 200
    assert charlie.get("invitations/").json["data"] == []
    for body in ({"id": row["id"]}, {"token": token}):
        problem_of(charlie.post("invitations/accept/", body), 404, "not_found")
    assert browser.get(f"/invitation/?token={token}").status_code == 400
    assert bob.post(path, {"email": charlie.email}).json["role"] == "member"
    assert charlie.post("invitations/accept/", {"token": token}).json["role"] == "member"


def test_a_stranger_is_mailed_ten_times_a_day_and_no_more(
    alice: Person, charlie: Person, new_group: Callable[[], Organization]
) -> None:
    """However many groups somebody makes to do so; in the app it waits all the same."""
    confirm(charlie)
    received()
    groups = [new_group() for _ in range(4)]
    for group in groups:
        for _ in range(3):
            alice.post(f"orgs/{group.slug}/invitations/", {"email": charlie.email})
    assert len(received(charlie.email)) == 10
    assert Notification.objects.filter(recipient=charlie.user, type="org.invited").count() == 10
    assert len(charlie.get("invitations/").json["data"]) == 4
    invite(alice, groups[0], "somebody-else@example.com")
    assert len(received("somebody-else@example.com")) == 1
    if state.is_configured():
        return  # it has a clock of its own
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        alice.phone.get_token()
        alice.post(f"orgs/{groups[0].slug}/invitations/", {"email": charlie.email})
        assert len(received(charlie.email)) == 1
        assert Notification.objects.filter(recipient=charlie.user, type="org.invited").count() == 11


def test_a_repeated_acceptance_tells_a_removed_member_nothing(
    alice: Person, charlie: Person, team: Organization
) -> None:
    """The answer that is kept for whoever has lost it is one of the group's, too."""
    confirm(charlie)
    row = invite(alice, team, charlie.email)
    again = {"Idempotency-Key": "accepting"}
    for _ in range(2):
        answer = charlie.phone.request("POST", "invitations/accept/", {"id": row["id"]}, headers=again)
        assert (answer.status, answer.json["slug"]) == (200, team.slug)
    assert answer.headers["idempotency-replayed"] == "true"
    assert alice.delete(f"orgs/{team.slug}/members/{charlie.user.username}/").status == 204
    answer = charlie.phone.request("POST", "invitations/accept/", {"id": row["id"]}, headers=again)
    problem_of(answer, 404, "not_found")


def test_a_token_is_taken_as_it_is_or_not_at_all(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    invite(alice, team, charlie.email)
    token = token_for(charlie.email)
    for bad in (token[:-1], "A" * 43, token[:22] + "A" * 21, token + "=", "x", "🍣"):
        problem_of(charlie.post("invitations/accept/", {"token": bad}), 404, "not_found")
    for body in ({}, {"token": token, "id": str(team.id)}):
        assert errors_of(charlie.post("invitations/accept/", body)) == {"": "invalid"}
    assert not Invitation.objects.filter(salt=token.encode()).exists()


def test_members_and_the_personal_are_not_invited(alice: Person, bob: Person, team: Organization) -> None:
    problem_of(alice.post(f"orgs/{team.slug}/invitations/", {"email": bob.email}), 409, "already_member")
    own = alice.user.personal_organization
    answer = alice.post(f"orgs/{own.slug}/invitations/", {"email": "new@example.com"})
    problem_of(answer, 409, "personal_organization")
    problem_of(bob.post(f"orgs/{team.slug}/invitations/", {"email": "new@example.com"}), 403, "forbidden")
    answer = alice.post(f"orgs/{team.slug}/invitations/", {"email": "new@example.com", "role": "owner"})
    assert errors_of(answer) == {"role": "invalid_choice"}


def test_a_deleted_group_takes_nobody(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    row = invite(alice, team, charlie.email)
    alice.post(f"orgs/{team.slug}/delete/", {"name": "Team"})
    assert charlie.get("invitations/").json["data"] == []
    problem_of(charlie.post("invitations/accept/", {"id": row["id"]}), 404, "not_found")


def test_who_changed_their_address_is_not_who_was_invited(alice: Person, charlie: Person, team: Organization) -> None:
    confirm(charlie)
    row = invite(alice, team, charlie.email)
    User.objects.filter(id=charlie.user.id).update(email="x@example.com", email_identity="x@example.com")
    problem_of(charlie.post("invitations/accept/", {"id": row["id"]}), 404, "not_found")


def test_nothing_secret_is_stored_or_queued(alice: Person, charlie: Person, team: Organization) -> None:
    from api.models import OutboxMessage

    invite(alice, team, charlie.email)
    (message,) = OutboxMessage.objects.filter(task="orgs.mail_invitation")
    row = Invitation.objects.values().get()
    token = token_for(charlie.email)
    assert token not in f"{message.arguments}{row}"
    assert message.arguments.keys() == {"invitation_id", "reference"}


def test_old_ones_are_forgotten(alice: Person, charlie: Person, team: Organization) -> None:
    from api.apis.orgs import services

    invite(alice, team, charlie.email)
    assert services.forget_old_invitations() == 0
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=31))
    assert services.forget_old_invitations() == 1


# -- the page behind the link


def test_the_page_joins_by_its_button(alice: Person, charlie: Person, team: Organization, browser: Browser) -> None:
    confirm(charlie)
    invite(alice, team, charlie.email)
    path = f"/invitation/?token={token_for(charlie.email)}"
    page = browser.get(path)
    assert "asks you to join Team" in text_of(page)
    assert role_of(charlie, team) is None
    assert "You belong to the group" in text_of(press(browser, path))
    assert role_of(charlie, team) == "member"
    assert browser.get(path).status_code == 400
    assert charlie.get(f"orgs/{team.slug}/").status == 200


def test_the_page_lets_nobody_in_who_has_no_confirmed_account(
    alice: Person, charlie: Person, team: Organization, browser: Browser
) -> None:
    for email in (charlie.email, "nobody@example.com"):
        invite(alice, team, email)
        answer = press(browser, f"/invitation/?token={token_for(email)}")
        assert answer.status_code == 422
        assert "Nobody has confirmed this address yet" in text_of(answer)
    assert role_of(charlie, team) is None
    assert browser.get(f"/invitation/?token={'A' * 43}").status_code == 400


def test_a_group_has_a_bounded_number_of_them(
    alice: Person, charlie: Person, team: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mails an address that nobody has asked."""
    monkeypatch.setattr(invitations, "_PENDING_MOST", 2)
    first, _ = (invite(alice, team, f"{name}@example.com") for name in ("ada", "grace"))
    third = {"email": charlie.email}
    problem_of(alice.post(f"orgs/{team.slug}/invitations/", third), 409, "too_many_invitations")
    assert Invitation.objects.count() == 2
    assert alice.post(f"orgs/{team.slug}/invitations/", {"email": "grace@example.com"}).status == 200
    assert alice.delete(f"orgs/{team.slug}/invitations/{first['id']}/").status == 204
    assert alice.post(f"orgs/{team.slug}/invitations/", third).status == 201
