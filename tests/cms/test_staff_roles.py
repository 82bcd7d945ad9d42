"""Roles of staff: what each may see and do, and how one gets them."""

from http import HTTPStatus
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from api.apis.auth import services as auth
from api.apis.onboarding import services as onboarding
from api.cms.urls import urlpatterns
from api.exceptions import Forbidden, InvalidInput, NotThere
from api.models import ActorKind, AuditEntry, Channel, Device, User
from api.models.base import uuid7
from api.platform import callers
from api.platform.callers import Caller
from api.platform.staff import ACTIONS, ROLES, duties_of

pytestmark = pytest.mark.django_db

NEEDED = {p.name: getattr(p.callback.view_class, "needs", None) for p in urlpatterns}
OWN = {name for name in NEEDED if str(name).startswith(("login", "me-"))}
FOR_EVERYBODY = {"dashboard", "search", "logout", "me", "prove", "filters", "filter", "viewing-end"} | OWN
# Whoever has begun one looks after it: tests/cms/test_bulk.py.
FOR_EVERYBODY |= {"bulk", "bulk-stop", "bulk-undo"}


NOWHERE = {"UUIDConverter": "00000000-0000-7000-8000-000000000000", "IntConverter": "0", "StringConverter": "none"}


def test_every_page_needs_an_action_that_is_known():
    assert {name for name, needed in NEEDED.items() if needed is None} == FOR_EVERYBODY
    assert {needed for needed in NEEDED.values() if needed} <= ACTIONS
    assert all(covered <= ACTIONS for covered in ROLES.values())


@pytest.mark.parametrize("role", [None, *ROLES])
def test_a_role_opens_what_it_covers_and_nothing_else(new_staff, role):
    staff = new_staff(roles=[role] if role else [])
    covered = ROLES[role] if role else frozenset()
    for pattern in urlpatterns:
        if pattern.name in FOR_EVERYBODY:
            continue
        ids = {name: NOWHERE[type(converter).__name__] for name, converter in pattern.pattern.converters.items()}
        address = reverse(f"cms:{pattern.name}", kwargs=ids)
        for answer in (staff.get(address), staff.post(address, reason="because")):
            is_refused = answer.status_code == HTTPStatus.FORBIDDEN
            assert is_refused is (NEEDED[pattern.name] not in covered), (role, pattern.name)


def test_the_refusal_names_what_is_missing(new_staff):
    answer = new_staff(roles=["Analyst"]).get("/cms/users/")
    assert "people.read" in answer.content.decode()


def test_the_navigation_holds_what_one_may_open(new_staff):
    page = new_staff(roles=["Analyst"]).text("/cms/")
    assert 'href="/cms/users/"' not in page
    assert 'href="/cms/users/"' in new_staff("lea", roles=["Support"]).text("/cms/")


def test_what_one_may_not_do_is_not_offered(new_staff, alice):
    support, auditor = new_staff(roles=["Support"]), new_staff("lea", roles=["Auditor"])
    device = Device.objects.get(live_session__user=alice.user)
    assert "Revoke…" in support.text(f"/cms/devices/{device.id}/")
    assert "Revoke…" not in auditor.text(f"/cms/devices/{device.id}/")
    assert "Deactivate…" not in support.text(f"/cms/users/{alice.user.id}/")


def test_several_roles_add_up(new_staff):
    staff = new_staff(roles=["Support", "Operator"])
    assert duties_of(staff.user) == ROLES["Support"] | ROLES["Operator"]


def test_superusers_may_do_everything_without_a_role(new_staff):
    root = new_staff("rita", roles=[], is_superuser=True)
    assert root.get("/cms/users/").status_code == 200
    assert duties_of(User.objects.get(id=root.user.id)) == ACTIONS


def test_the_rule_stands_in_the_services_too(alice):
    device = Device.objects.get(live_session__user=alice.user)
    nobody = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, user_id=uuid7())
    person = Caller(kind=ActorKind.USER, channel=Channel.API, user_id=alice.user.id)
    for caller in (nobody, person):
        with pytest.raises(Forbidden):
            onboarding.revoke_device(caller, device_id=device.id)
        with pytest.raises(Forbidden):
            auth.deactivate_person(caller, user_id=alice.user.id)
        with pytest.raises(Forbidden):
            auth.reactivate_person(caller, user_id=alice.user.id)
    assert Device.objects.get(id=device.id).revoked_at is None


def test_roles_are_given_and_taken_away_from_the_shell(new_user, browser):
    sam = new_user("sam")
    out = StringIO()
    call_command("staff_roles", "Support", "Analyst", email=sam.email.upper(), stdout=out)
    assert f"{sam.email}\tAnalyst, Support" in out.getvalue()
    assert browser.sign_in(sam.email).status_code == 302
    call_command("staff_roles", email=sam.email, stdout=StringIO())
    sam.refresh_from_db()
    assert not sam.is_staff
    assert not browser.is_in()
    entry = AuditEntry.objects.filter(action="user.staff_roles_changed").latest("id")
    assert entry.changes == {"roles": [["Analyst", "Support"], []]}


def test_the_list_says_who_is_a_superuser_and_who_has_no_role(new_user):
    new_user("rita", is_staff=True, is_superuser=True)
    new_user("nora", is_staff=True)
    out = StringIO()
    call_command("staff_roles", stdout=out)
    assert "\tSuperuser" in out.getvalue()
    assert "\tno role" in out.getvalue()


def test_what_is_no_role_and_who_is_nobody_is_refused(new_user, alice):
    with pytest.raises(CommandError, match="Roles"):
        call_command("staff_roles", "Emperor", email=new_user("sam").email)
    with pytest.raises(CommandError, match="nobody"):
        call_command("staff_roles", "Support", email="nobody@example.com")
    with pytest.raises(NotThere):
        auth.set_staff_roles(callers.command(), user_id=uuid7(), roles=["Support"])
    User.objects.filter(id=alice.user.id).update(is_guest=True)
    with pytest.raises(InvalidInput):
        auth.set_staff_roles(callers.command(), user_id=alice.user.id, roles=["Support"])
