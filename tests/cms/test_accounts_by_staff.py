"""Accounts that staff make and put right: adding, editing in view of others, deleting and taking it back."""

import re
from http import HTTPStatus

import pytest
from django.core import mail

from api.apis.auth import services as auth
from api.apis.jobs import services as jobs
from api.exceptions import Forbidden, NotThere
from api.models import AuditEntry, Job, JobState, OutboxMessage, User
from api.models.base import uuid7
from api.platform import callers

pytestmark = pytest.mark.django_db


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of a form as it is."""
    found = dict(re.findall(r'<input[^>]*?name="([^"]+)"(?:[^>]*?value="([^"]*)")?', page))
    found.pop("csrfmiddlewaretoken", None)
    return found


def edited(staff, person, *, seen: dict[str, str] | None = None, **typed: str):
    """Sends the edit page of a person, as it is now or was `seen`, with what was typed."""
    fields = seen or fields_of(staff.text(f"/cms/users/{person.id}/edit/"))
    return staff.post(f"/cms/users/{person.id}/edit/", **{**fields, "reason": "Asked for by mail", **typed})


def test_an_account_is_made_and_its_person_sets_the_password(staff):
    answer = staff.post("/cms/users/add/", email="New.One@example.com", first_name="New", reason="Called us")
    person = User.objects.get(email_identity="new.one@example.com")
    assert answer["Location"] == f"/cms/users/{person.id}/"
    assert not person.has_usable_password()
    assert not person.is_email_confirmed
    assert (person.username, person.first_name) == ("New.One", "New")
    entry = AuditEntry.objects.get(action="user.created", target_id=str(person.id))
    assert (entry.reason, entry.actor_id) == ("Called us", str(staff.user.id))
    jobs.run_due()
    assert [message.to for message in mail.outbox] == [["New.One@example.com"]]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"email": "no address"}, "Enter a valid email"),
        ({"email": "taken"}, "The e-mail address is taken"),
        ({"username": "root"}, "reserved"),
        ({"phone_number": "123"}, "country code"),
        ({"time_zone": "Europe/Nowhere"}, "time zone"),
        ({"first_name": "A\x07B"}, "Control characters"),
        ({"reason": ""}, "required"),
    ],
)
def test_what_the_api_would_refuse_is_said_at_the_field_and_kept(staff, new_user, typed, said):
    sent = {"email": "zoe@example.com", "last_name": "Stays here", "reason": "Called us", **typed}
    if sent["email"] == "taken":
        sent["email"] = new_user().email
    before = User.objects.count()
    answer = staff.post("/cms/users/add/", **sent)
    page = answer.content.decode()
    assert answer.status_code in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT}
    assert said in page
    assert 'value="Stays here"' in page
    assert User.objects.count() == before


def test_a_profile_is_put_right(staff, new_user):
    person = new_user()
    answer = edited(staff, person, first_name="Zoë", phone_number="+41 44 123 45 67")
    assert (answer.status_code, answer["Location"]) == (302, f"/cms/users/{person.id}/")
    person.refresh_from_db()
    assert (person.first_name, person.phone_number, person.version) == ("Zoë", "+41441234567", 2)
    entry = AuditEntry.objects.get(action="user.profile_changed")
    assert entry.changes == {"first_name": ["", "Zoë"], "phone_number": ["", "+41441234567"]}
    assert entry.reason == "Asked for by mail"


def test_saving_what_was_not_touched_changes_nothing(staff, new_user):
    person = new_user()
    assert edited(staff, person).status_code == 302
    person.refresh_from_db()
    assert person.version == 1
    assert not AuditEntry.objects.filter(action="user.profile_changed").exists()


def test_of_two_who_edit_at_once_the_second_is_told_and_nothing_is_lost(staff, new_staff, new_user):
    person, other = new_user(), new_staff("lea")
    seen = fields_of(staff.text(f"/cms/users/{person.id}/edit/"))
    edited(other, person, first_name="Zoë", location="Bern")
    answer = edited(staff, person, seen=seen, first_name="Zoe", last_name="Brown")
    page = answer.content.decode()
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "Somebody else has changed this person" in page
    assert "First name is now “Zoë”" in page
    now = fields_of(page)
    assert (now["first_name"], now["last_name"], now["location"]) == ("Zoe", "Brown", "Bern")
    person.refresh_from_db()
    assert (person.first_name, person.last_name, person.location) == ("Zoë", "", "Bern")
    assert edited(staff, person, seen=now).status_code == 302
    person.refresh_from_db()
    assert (person.first_name, person.last_name, person.location) == ("Zoe", "Brown", "Bern")


def test_the_address_is_not_for_staff_to_change(staff, new_user):
    person = new_user()
    edited(staff, person, email="thief@example.com", is_staff="on", is_superuser="on")
    after = User.objects.get(id=person.id)
    assert (after.email, after.is_staff, after.is_superuser) == (person.email, False, False)


def test_a_username_that_is_taken_is_said_at_the_field(staff, new_user):
    person, other = new_user(), new_user("other")
    answer = edited(staff, person, username=other.username)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "The username is taken" in answer.content.decode()


@pytest.mark.parametrize("who", ["themselves", "a superuser"])
def test_staff_edit_neither_themselves_nor_superusers(staff, new_user, who):
    target = staff.user if who == "themselves" else new_user("rita", is_staff=True, is_superuser=True)
    assert edited(staff, target, first_name="Changed").status_code == HTTPStatus.FORBIDDEN
    assert edited(staff, target, first_name="Changed").status_code == HTTPStatus.FORBIDDEN
    target.refresh_from_db()
    assert target.first_name == ""


def test_a_person_is_deleted_and_it_is_undone(staff, alice, settings):
    settings.ERASURE_GRACE_DAYS = 7
    assert "For 7 days it can be undone" in staff.text(f"/cms/users/{alice.user.id}/delete/")
    answer = staff.post(f"/cms/users/{alice.user.id}/delete/", reason="Asked for it")
    assert User.objects.get(id=alice.user.id).deleted_at
    assert alice.transport.replay is not None
    page = staff.text(answer["Location"])
    assert "is deleted." in page
    assert f'action="/cms/users/{alice.user.id}/restore/"' in page
    assert "It can be restored until" in page
    assert "Deleted" in staff.text("/cms/users/?status=deleted")
    undone = staff.post(f"/cms/users/{alice.user.id}/restore/", reason="Undone at once")
    assert undone.status_code == 302
    assert User.objects.get(id=alice.user.id).deleted_at is None
    assert Job.objects.get(subject_id=alice.user.id).state == JobState.REVOKED
    assert not OutboxMessage.objects.filter(task="erasure.person").exists()
    assert AuditEntry.objects.get(action="user.deletion_cancelled").reason == "Undone at once"
    alice.phone.sign_in(alice.email, "correct horse battery staple")


def test_without_grace_nobody_promises_that_it_can_be_undone(staff, alice, settings):
    settings.ERASURE_GRACE_DAYS = 0
    assert "This cannot be undone" in staff.text(f"/cms/users/{alice.user.id}/delete/")
    answer = staff.post(f"/cms/users/{alice.user.id}/delete/", reason="Asked for it")
    assert answer["Location"] == "/cms/users/"
    page = staff.text(answer["Location"])
    assert "restore/" not in page
    assert staff.post(f"/cms/users/{alice.user.id}/restore/", reason="Please").status_code == HTTPStatus.NOT_FOUND


def test_restoring_who_was_not_deleted_is_harmless(staff, new_user):
    assert staff.post(f"/cms/users/{new_user().id}/restore/", reason="Please").status_code == 302
    assert not AuditEntry.objects.filter(action="user.deletion_cancelled").exists()


def test_deactivating_offers_to_undo_it(staff, new_user):
    somebody = new_user()
    answer = staff.post(f"/cms/users/{somebody.id}/deactivate/", reason="because")
    assert f'action="/cms/users/{somebody.id}/reactivate/"' in staff.text(answer["Location"])


def test_the_rules_stand_in_the_services(new_staff, new_user):
    person = new_user()
    support = callers.Caller(kind="staff", channel="cms", user_id=new_staff(roles=["Support"]).user.id)
    with pytest.raises(Forbidden):
        auth.add_person(support, email="a@example.com", profile={})
    with pytest.raises(Forbidden):
        auth.edit_person(support, user_id=person.id, changes={"first_name": "A"}, expected=None)
    with pytest.raises(Forbidden):
        auth.restore_person(support, user_id=person.id)
    with pytest.raises(NotThere):
        auth.edit_person(callers.command(), user_id=uuid7(), changes={"first_name": "A"}, expected=None)
