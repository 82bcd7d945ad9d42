"""What staff do for a person: ending sessions, signing out everywhere, notes."""

from http import HTTPStatus

import pytest

from api.apis.auth import services as auth
from api.exceptions import Forbidden, NotThere
from api.models import ActorKind, AuditEntry, Channel, Session, StaffNote
from api.models.base import uuid7
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db


def status_of(person) -> int:
    """Of a call with the token that the person's phone has now, without asking for another."""
    headers = {"Authorization": f"Bearer {person.phone.state.access}"}
    return person.transport.call("GET", "http://localhost:8000/api/v1/users/me/", headers).status


def test_a_session_is_ended(staff, alice, bob):
    session = Session.objects.get(live_device__isnull=False, user=alice.user)
    assert status_of(alice) == 200
    assert "End…" in staff.text(f"/cms/users/{alice.user.id}/")
    answer = staff.post(f"/cms/sessions/{session.id}/end/", reason="Lost the phone")
    assert (answer.status_code, answer["Location"]) == (302, f"/cms/users/{alice.user.id}/")
    assert status_of(alice) == 401
    assert status_of(bob) == 200
    session.refresh_from_db()
    assert (session.end_reason, session.ended_by_id) == ("ended_by_staff", staff.user.id)
    entry = AuditEntry.objects.filter(action="session.ended").latest("id")
    assert (entry.target_id, entry.reason) == (str(session.id), "Lost the phone")
    assert "End…" not in staff.text(f"/cms/users/{alice.user.id}/")


def test_a_person_is_signed_out_everywhere(staff, alice, new_staff):
    staff.post(f"/cms/users/{alice.user.id}/sign-out/", reason="Stolen")
    assert status_of(alice) == 401
    assert AuditEntry.objects.get(action="user.signed_out_by_staff").reason == "Stolen"
    lea = new_staff("lea")
    staff.post(f"/cms/users/{lea.user.id}/sign-out/", reason="Stolen")
    assert not lea.browser.is_in()


def test_only_superusers_sign_superusers_out(staff, root):
    answer = staff.post(f"/cms/users/{root.user.id}/sign-out/", reason="because")
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert root.browser.is_in()


def test_a_note_is_kept_and_told_as_text(staff, alice):
    answer = staff.post(f"/cms/users/{alice.user.id}/note/", text="Calls <b>often</b>\nIs nice")
    assert (answer.status_code, answer["Location"]) == (302, f"/cms/users/{alice.user.id}/")
    page = staff.text(answer["Location"])
    assert "Calls &lt;b&gt;often&lt;/b&gt;<br>Is nice" in page
    assert StaffNote.objects.get().author_id == staff.user.id
    entry = AuditEntry.objects.get(action="user.noted")
    assert entry.target_id == str(alice.user.id)
    assert "often" not in str(entry.changes)


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_a_note_that_cannot_be_kept_is_said_at_the_field(staff, alice, text):
    answer = staff.post(f"/cms/users/{alice.user.id}/note/", text=text)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not StaffNote.objects.exists()


def test_nobody_can_be_noted_or_signed_out_who_is_not_there(staff):
    nobody = uuid7()
    assert staff.post(f"/cms/users/{nobody}/note/", text="hm").status_code == 404
    assert staff.post(f"/cms/users/{nobody}/sign-out/", reason="hm").status_code == 404
    with pytest.raises(NotThere):
        auth.end_session(
            Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"sessions.end"})), session_id=nobody
        )


def test_the_services_ask_for_the_role(alice):
    session = Session.objects.get(live_device__isnull=False, user=alice.user)
    reader = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"people.read"}))
    with pytest.raises(Forbidden):
        auth.end_session(reader, session_id=session.id)
    with pytest.raises(Forbidden):
        auth.sign_out_person(reader, user_id=alice.user.id)
    with pytest.raises(Forbidden):
        auth.write_note(reader, user_id=alice.user.id, text="hm")
    assert status_of(alice) == 200


def test_looking_ends_nothing(staff, alice):
    session = Session.objects.get(live_device__isnull=False, user=alice.user)
    staff.text(f"/cms/sessions/{session.id}/end/")
    staff.text(f"/cms/users/{alice.user.id}/sign-out/")
    assert status_of(alice) == 200
