"""Seeing what a person sees: bounded, read-only, told by the trail, and never a way to be them."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from api.apis.auth import services as auth
from api.models import AuditEntry, Device, StaffSession, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def support(new_staff):
    return new_staff("sue", roles=["Support"])


def look(staff, person):
    return staff.post(f"/cms/users/{person.id}/view-as/", reason="a call about missing contacts")


def test_support_sees_what_a_person_sees_and_both_ends_are_told(support, alice, charlie):
    alice.post("contacts/", {"display_name": "Grace Hopper"})
    charlie.post("contacts/", {"display_name": "A stranger"})
    assert look(support, alice.user)["Location"] == "/cms/view-as/"
    page = support.text("/cms/view-as/")
    assert "Grace Hopper" in page
    assert "A stranger" not in page
    assert "Nothing can be changed" in support.text("/cms/"), "the banner is on every page"
    assert support.post("/cms/view-as/end/")["Location"] == f"/cms/users/{alice.user.id}/"
    assert "Nothing can be changed" not in support.text("/cms/")
    begun = AuditEntry.objects.get(action="user.viewing_begun")
    ended = AuditEntry.objects.get(action="user.viewing_ended")
    assert begun.target_id == ended.target_id == str(alice.user.id)
    assert begun.actor_id == str(support.user.id)
    assert begun.reason == "a call about missing contacts"


def test_it_takes_a_reason(support, alice):
    assert support.post(f"/cms/users/{alice.user.id}/view-as/").status_code == 422
    assert not StaffSession.objects.exclude(viewing_until=None).exists()


def test_nothing_is_changed_meanwhile(support, alice, charlie):
    look(support, alice.user)
    device = Device.objects.get(live_session__user=charlie.user)
    for address in (
        f"/cms/devices/{device.id}/revoke/",
        f"/cms/users/{charlie.user.id}/note/",
        f"/cms/users/{charlie.user.id}/view-as/",
        "/cms/me/recovery-codes/",
        "/cms/me/app/",
    ):
        answer = support.post(address, reason="because", text="a note")
        assert answer.status_code == 403, address
    assert Device.objects.get(id=device.id).revoked_at is None
    assert support.post("/cms/logout/").status_code == 302
    assert AuditEntry.objects.filter(action="user.viewing_ended").count() == 1


def test_nothing_that_signs_anybody_in_is_shown(support, alice):
    look(support, alice.user)
    for address in ("/cms/view-as/", "/cms/", f"/cms/users/{alice.user.id}/"):
        answer = support.get(address)
        shown = answer.content.decode() + str(answer.headers) + str(answer.cookies)
        assert not re.search(r"eyJ[A-Za-z0-9_-]{10,}\.|access_token|refresh_token|Bearer ", shown), address
        assert alice.phone.state.access not in shown
    session = StaffSession.objects.get(user=support.user)
    assert support.browser.session["_auth_user_id"] == str(support.user.id) == str(session.user_id)


@pytest.mark.parametrize(
    "columns", [{"is_staff": True}, {"is_superuser": True, "is_staff": True}, {"is_active": False}]
)
def test_not_everybody_can_be_looked_at(support, alice, columns):
    User.objects.filter(id=alice.user.id).update(**columns)
    assert look(support, alice.user).status_code == 409
    assert support.get("/cms/view-as/").status_code == 302


def test_nobody_looks_at_themselves(support):
    assert look(support, support.user).status_code == 409


def test_it_is_over_after_a_quarter_of_an_hour(support, alice):
    look(support, alice.user)
    StaffSession.objects.update(viewing_until=timezone.now() - timedelta(seconds=1))
    assert support.get("/cms/view-as/").status_code == 302
    assert AuditEntry.objects.filter(action="user.viewing_ended").count() == 1


def test_the_end_is_told_also_when_nobody_comes_back(support, alice):
    look(support, alice.user)
    StaffSession.objects.update(viewing_until=timezone.now() - timedelta(seconds=1))
    assert auth.end_overdue_viewings() == 1
    assert auth.end_overdue_viewings() == 0
    ended = AuditEntry.objects.get(action="user.viewing_ended")
    assert (ended.target_id, ended.on_behalf_of) == (str(alice.user.id), str(support.user.id))


def test_a_deactivated_person_is_looked_at_no_more(support, alice):
    look(support, alice.user)
    User.objects.filter(id=alice.user.id).update(is_active=False)
    assert support.get("/cms/view-as/").status_code == 302
