"""The numbers of the dashboard, added up in the background."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from api.apis.staff import services
from api.models import Device, Figure, OutboxMessage, Traffic, User
from api.platform import traffic

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
HOUR = NOON.replace(minute=0)
DAY = HOUR.replace(hour=0)


def value(metric: str, at: datetime, span: str = "hour") -> int | None:
    return Figure.objects.filter(metric=metric, at=at, span=span).values_list("value", flat=True).first()


def test_what_happened_is_counted_by_hours_and_days(alice, bob, charlie):
    made = {alice: HOUR, bob: HOUR - timedelta(minutes=1), charlie: HOUR - timedelta(minutes=2)}
    for person, at in made.items():
        User.objects.filter(id=person.user.id).update(created_at=at)
    OutboxMessage.objects.create(task="auth.mail_proof", due_at=None, done_at=HOUR)
    OutboxMessage.objects.create(task="auth.sweep", due_at=None, done_at=HOUR)
    OutboxMessage.objects.create(task="auth.mail_proof", due_at=None, failed_at=HOUR)
    with time_machine.travel(NOON, tick=False):
        services.roll_up()
    assert (value("sign_ups", HOUR), value("sign_ups", HOUR - timedelta(hours=1))) == (1, 2)
    assert value("sign_ups", DAY, "day") == 3
    assert (value("mails_sent", HOUR), value("mails_failed", HOUR)) == (1, 1)


def test_how_much_there_is_is_asked_once_an_hour(alice, bob):
    Device.objects.update(last_seen_at=NOON - timedelta(hours=2))
    Device.objects.filter(live_session__user=bob.user).update(last_seen_at=NOON - timedelta(days=3))
    with time_machine.travel(NOON, tick=False):
        services.roll_up()
        assert [value(name, HOUR) for name in ("devices_day", "devices_week", "devices", "people")] == [1, 2, 2, 2]
        Device.objects.all().update(last_seen_at=NOON - timedelta(days=3))
        services.roll_up()
        assert value("devices_day", HOUR) == 1
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        services.roll_up()
    assert value("devices_day", HOUR + timedelta(hours=1)) == 0
    assert value("devices_day", DAY, "day") == 0


def test_twice_is_as_good_as_once(alice):
    User.objects.update(created_at=HOUR)
    with time_machine.travel(NOON, tick=False):
        services.roll_up()
        before = list(Figure.objects.order_by("span", "at", "metric").values_list("metric", "value"))
        services.roll_up()
    assert list(Figure.objects.order_by("span", "at", "metric").values_list("metric", "value")) == before


def test_hours_that_were_missed_are_caught_up(alice):
    User.objects.update(created_at=HOUR - timedelta(hours=30))
    Figure.objects.create(metric="people", span="hour", at=HOUR - timedelta(hours=40), value=0)
    with time_machine.travel(NOON, tick=False):
        services.roll_up()
    assert value("sign_ups", HOUR - timedelta(hours=30)) == 1
    assert value("sign_ups", DAY - timedelta(days=1), "day") == 1


def test_hours_are_forgotten_and_days_are_kept(alice):
    long_ago = HOUR - timedelta(days=200)
    for span in ("hour", "day"):
        Figure.objects.create(metric="sign_ups", span=span, at=long_ago, value=1)
    Traffic.objects.create(hour=long_ago, bound_ms=10, requests=1, errors=0)
    with time_machine.travel(NOON, tick=False):
        services.roll_up()
    assert (value("sign_ups", long_ago), value("sign_ups", long_ago, "day")) == (None, 1)
    assert not Traffic.objects.exists()


def test_ninety_five_of_a_hundred_answers_are_within(db):
    for bound, requests in ((10, 90), (50, 5), (1000, 5)):
        Traffic.objects.create(hour=HOUR, bound_ms=bound, requests=requests, errors=1)
    with time_machine.travel(NOON, tick=False):
        services.roll_up()
    assert [value(name, HOUR) for name in ("requests", "errors", "p95_ms")] == [100, 3, 50]
    assert value("p95_ms", DAY, "day") == 50


def test_requests_are_counted_and_added_up_now_and_then(alice, client, monkeypatch):
    monkeypatch.setattr(traffic, "_counts", {})
    alice.get("users/me/")
    client.get("/api/v1/health")  # a probe is no request of anybody
    alice.get("users/me/")
    assert not Traffic.objects.exists()
    monkeypatch.setattr(traffic, "FLUSH_SECONDS", 0)
    alice.get("users/me/")
    assert sum(Traffic.objects.values_list("requests", flat=True)) == 3
    alice.get("users/me/")
    assert sum(Traffic.objects.values_list("requests", flat=True)) == 4


def test_no_count_is_lost_between_threads(db, monkeypatch):
    monkeypatch.setattr(traffic, "_counts", {})
    monkeypatch.setattr(traffic, "FLUSH_SECONDS", 10**9)
    threads = [
        threading.Thread(target=lambda: [traffic.note(0.003, is_error=True) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    traffic.flush()
    row = Traffic.objects.get()
    assert (row.requests, row.errors, row.bound_ms) == (800, 800, 5)
    assert row.hour <= timezone.now()
