"""What roles cover, and who has them: shown as a difference, never more than one's own, by one at a time."""

import pytest

from api.apis.auth import services as auth
from api.exceptions import Forbidden
from api.models import AuditEntry, StaffRole, StaffSession, User
from api.platform import callers
from api.platform import staff as roles
from api.platform.staff import ACTIONS, ROLES

pytestmark = pytest.mark.django_db


def actions_of(name: str) -> frozenset[str]:
    return next(role.actions for role in roles.roles() if role.name == name)


def test_a_change_is_shown_before_it_is_made(staff):
    wanted = sorted(ROLES["Analyst"] | {"orgs.read"})
    page = staff.post("/cms/staff/roles/Analyst/", actions=wanted, version="0").content.decode()
    assert "Added" in page
    assert "orgs.read" in page
    assert not StaffRole.objects.exists()
    answer = staff.post("/cms/staff/roles/Analyst/", actions=wanted, version="0", reason="they ask every day")
    assert answer["Location"] == "/cms/staff/"
    assert actions_of("Analyst") == {"orgs.read"}
    entry = AuditEntry.objects.get(action="staff.role_changed")
    assert entry.changes == {"actions": [[], ["orgs.read"]]}
    assert entry.reason == "they ask every day"


def test_a_change_holds_with_the_next_request(staff, new_staff):
    lea = new_staff("lea", roles=["Support"])
    assert lea.get("/cms/devices/").status_code == 200
    left = sorted(ROLES["Support"] - {"devices.read"})
    staff.post("/cms/staff/roles/Support/", actions=left, version="0", reason="because")
    assert lea.get("/cms/devices/").status_code == 403


def test_of_two_at_once_the_second_is_told(staff, new_staff):
    lea = new_staff("lea")
    assert staff.post("/cms/staff/roles/Analyst/", actions=["orgs.read"], version="0", reason="x").status_code == 302
    late = lea.post("/cms/staff/roles/Analyst/", actions=["jobs.read", "audit.read"][1:], version="0", reason="x")
    assert late.status_code == 409
    assert "orgs.read" in late.content.decode()
    assert actions_of("Analyst") == {"orgs.read"}
    again = lea.post("/cms/staff/roles/Analyst/", actions=["audit.read"], version="1", reason="x")
    assert again.status_code == 302
    assert actions_of("Analyst") == {"audit.read"}


def test_nobody_grants_what_they_lack(new_staff, new_user):
    StaffRole.objects.create(name="Operator", actions=["staff.read", "staff.roles", "mails.read"])
    oscar, nora = new_staff("oscar", roles=["Operator"]), new_user("nora")
    assert oscar.post("/cms/staff/roles/Analyst/", actions=["people.read"], version="0", reason="x").status_code == 403
    assert oscar.post("/cms/staff/roles/Operator/", actions=sorted(ACTIONS), version="1", reason="x").status_code == 403
    assert oscar.post(f"/cms/staff/{nora.id}/roles/", roles=["Admin"], reason="x").status_code == 403
    assert oscar.post(f"/cms/staff/{nora.id}/roles/", roles=["Analyst"], reason="x").status_code == 302
    assert User.objects.get(id=nora.id).is_staff
    assert actions_of("Analyst") == ROLES["Analyst"]


def test_nobody_changes_their_own_roles_nor_those_of_superusers(staff, root):
    for person in (staff.user, root.user):
        assert staff.post(f"/cms/staff/{person.id}/roles/", roles=[], reason="x").status_code == 403
    assert staff.browser.is_in()


def test_superusers_change_those_of_others(root, staff):
    assert root.post(f"/cms/staff/{staff.user.id}/roles/", reason="x").status_code == 302
    assert not staff.browser.is_in(), "staff no more, with the next request"


def test_the_right_is_looked_at_when_it_is_used(staff, new_user):
    """What a caller could do when their request began may be over by the time that it is carried out."""
    nora = new_user("nora")
    stale = callers.Caller(
        kind=callers.ActorKind.STAFF, channel=callers.Channel.CMS, user_id=staff.user.id, duties=ACTIONS
    )
    auth.set_staff_roles(callers.command(), user_id=staff.user.id, roles=[])
    with pytest.raises(Forbidden):
        auth.set_staff_roles(stale, user_id=nora.id, roles=["Analyst"])


@pytest.mark.parametrize("address", ["/cms/staff/roles/Analyst/", "/cms/staff/roles/Nobody/"])
def test_auditors_look_and_change_nothing(new_staff, address):
    auditor = new_staff("ada", roles=["Auditor"])
    assert auditor.get("/cms/staff/").status_code == 200
    assert auditor.post(address, actions=["orgs.read"], version="0", reason="x").status_code == 403


def test_roles_ask_once_more_who_is_there(staff):
    StaffSession.objects.update(proved_at="2020-01-01T00:00:00Z")
    answer = staff.post("/cms/staff/roles/Analyst/", actions=["orgs.read"], version="0", reason="x")
    assert answer["Location"].startswith("/cms/me/proof/")
    assert not StaffRole.objects.exists()


def test_what_is_no_action_and_no_role_is_refused(staff, new_user):
    assert staff.post("/cms/staff/roles/Analyst/", actions=["fly"], version="0", reason="x").status_code == 422
    assert staff.post("/cms/staff/roles/Nobody/", actions=[], version="0", reason="x").status_code == 404
    assert staff.post(f"/cms/staff/{new_user().id}/roles/", roles=["Emperor"], reason="x").status_code == 422


def test_the_matrix_says_what_each_covers_and_who_has_it(staff, new_staff):
    lea = new_staff("lea", roles=["Support"])
    page = staff.text("/cms/staff/")
    assert all(action in page for action in ACTIONS)
    assert lea.user.username in staff.text("/cms/staff/roles/Support/")


def test_factors_of_a_colleague_are_taken_away_but_not_those_of_superusers(staff, new_staff, root):
    lea = new_staff("lea", roles=["Support"])
    done = staff.post(f"/cms/staff/{lea.user.id}/factors/reset/", reason="lost phone")
    assert done.status_code == 302
    assert not lea.browser.is_in()
    assert staff.post(f"/cms/staff/{root.user.id}/factors/reset/", reason="x").status_code == 403
    assert root.browser.is_in()


def test_a_browser_of_a_colleague_is_ended(staff, new_staff):
    lea = new_staff("lea", roles=["Support"])
    session = StaffSession.objects.get(user=lea.user)
    assert staff.post(f"/cms/staff/browsers/{session.id}/end/", reason="left it open").status_code == 302
    assert not lea.browser.is_in()
    assert AuditEntry.objects.filter(action="staff.session_ended", reason="left it open").exists()
