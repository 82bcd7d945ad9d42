"""The sweep of accounts: sessions, guests and proofs that nobody can use any more go, and not a moment earlier."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session as BrowserSession
from django.utils import timezone
from handset_client import Call
from handset_client.outcomes import accept

from api.apis.auth import services as auth
from api.apis.jobs import services as jobs
from api.models import AuditEntry, Contact, EndReason, MailedProof, Organization, OutboxMessage, Session, User
from api.platform import outbox
from tests.apis.auth.mailbox import received
from tests.apis.auth.wire import MakePhone
from tests.conftest import Person
from tests.phones import Phone
from tests.pictures import BOUNDARY, photo, picture_form

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

DAY = 24 * 3600
Clock = time_machine.Traveller


def sweep() -> None:
    """Carries the scheduled task out, and what comes of it."""
    assert "auth.sweep" in django_settings.SCHEDULE
    outbox.enqueue("auth.sweep")
    while jobs.run_due():
        pass
    assert not OutboxMessage.objects.filter(task="auth.sweep", done_at=None).exists()


def test_a_session_that_nobody_refreshed_ends(alice: Person, bob: Person, clock: Clock) -> None:
    clock.shift(django_settings.REFRESH_IDLE_SECONDS - 10)
    bob.phone.refresh()
    clock.shift(10)
    sweep()
    assert Session.objects.get(user=alice.user).ended_at is None
    clock.shift(1)
    sweep()
    session = Session.objects.get(user=alice.user)
    assert (session.end_reason, session.live_device_id) == (EndReason.EXPIRED, None)
    assert AuditEntry.objects.filter(action="session.ended", target_id=str(session.id)).count() == 1
    assert Session.objects.get(user=bob.user).ended_at is None
    # As it would be without the sweep: the phone starts anew, without its person.
    assert alice.phone.get_token().json["user"] is None


def test_a_session_as_old_as_one_may_be_ends(alice: Person, clock: Clock) -> None:
    for _ in range(django_settings.SESSION_MAX_SECONDS // (25 * DAY) + 1):
        sweep()
        assert Session.objects.get(user=alice.user).ended_at is None
        clock.shift(min(25 * DAY, _left(alice)))
        alice.phone.refresh()
    clock.shift(1)
    sweep()
    assert Session.objects.get(user=alice.user).end_reason == EndReason.EXPIRED


def _left(person: Person) -> float:
    age = timezone.now() - Session.objects.get(user=person.user).created_at
    return django_settings.SESSION_MAX_SECONDS - age.total_seconds()


def test_sessions_end_in_portions(new_phone: MakePhone, clock: Clock) -> None:
    for _ in range(5):
        new_phone()[0].get_token()
    clock.shift(django_settings.REFRESH_IDLE_SECONDS + 1)
    assert [auth.end_expired(most=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_guest_goes_a_month_after_their_last_session(phone: Phone, alice: Person, clock: Clock, files: Any) -> None:
    accept(phone.start_session("auth/guest/"))
    accept(phone.request("POST", "contacts/", {"display_name": "Grace"}))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    accept(phone.perform(Call("POST", "users/avatar/", body=picture_form(photo()), headers=headers)))
    phone.sign_out()
    for _ in range(2):
        sweep()
        assert User.objects.filter(is_guest=True).count() == 1
        assert Contact.objects.count() == 1
        clock.shift(30 * DAY)
    assert [path for path in files.rglob("*") if path.is_file()]
    clock.shift(1)
    alice.phone.get_token()
    sweep()
    assert list(User.objects.values_list("id", flat=True)) == [alice.user.id]
    assert not Contact.objects.exists()
    assert Organization.objects.count() == 1
    assert [path for path in files.rglob("*") if path.is_file()] == []


def test_a_guest_with_a_session_stays_however_old(phone: Phone, clock: Clock) -> None:
    accept(phone.start_session("auth/guest/"))
    for _ in range(6):
        clock.shift(29 * DAY)
        accept(phone.refresh())
        sweep()
    assert User.objects.get().is_guest


def test_people_stay_without_any_session(alice: Person, clock: Clock) -> None:
    clock.shift(400 * DAY)
    sweep()
    clock.shift(40 * DAY)
    sweep()
    assert not Session.objects.exists()
    assert User.objects.get().id == alice.user.id


def test_proofs_go_a_day_after_their_time(alice: Person, clock: Clock) -> None:
    received()
    proof = MailedProof.objects.get()
    clock.shift((proof.expires_at - timezone.now()).total_seconds() + DAY)
    sweep()
    assert MailedProof.objects.exists()
    clock.shift(1)
    sweep()
    assert not MailedProof.objects.exists()


def test_browsers_of_staff_are_forgotten_when_their_time_is_over(clock: Clock) -> None:
    for name, seconds in (("over", -1), ("now", 0), ("good", 1)):
        BrowserSession.objects.create(
            session_key=name, session_data="", expire_date=timezone.now() + timedelta(seconds=seconds)
        )
    sweep()
    assert set(BrowserSession.objects.values_list("session_key", flat=True)) == {"now", "good"}


def test_what_fails_keeps_nothing_else_from_being_swept(
    alice: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise RuntimeError("a row that nobody foresaw")

    monkeypatch.setattr(auth, "end_superseded", fail)
    clock.shift(django_settings.REFRESH_IDLE_SECONDS + 1)
    outbox.enqueue("auth.sweep")
    jobs.run_due()
    assert Session.objects.get(user=alice.user).end_reason == EndReason.EXPIRED
    message = OutboxMessage.objects.get(task="auth.sweep")
    assert (message.done_at, message.attempts) == (None, 1)
    assert "the sweep is not complete" in message.last_error
