"""The numbers of the dashboard."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from api.cms.views import dashboard
from api.models import Device, OutboxMessage

pytestmark = pytest.mark.django_db


def numbers(page: str) -> dict[str, str]:
    """Label -> number, as a reader sees them."""
    cells = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page)
    return {re.sub(r"<[^>]+>", "", label): number for label, number in cells}


def test_it_counts_what_there_is(staff, alice, bob, charlie):
    now = timezone.now()
    ages = {alice: timedelta(hours=23), bob: timedelta(days=6), charlie: timedelta(days=29)}
    for person, age in ages.items():
        Device.objects.filter(live_session__user=person.user).update(last_seen_at=now - age)
    staff.browser.__class__().sign_in(staff.user.email, "wrong")
    OutboxMessage.objects.all().delete()
    OutboxMessage.objects.create(task="auth.sweep")
    OutboxMessage.objects.create(task="auth.sweep", due_at=None, failed_at=now)
    OutboxMessage.objects.create(task="auth.sweep", due_at=None, failed_at=now)
    OutboxMessage.objects.create(task="auth.sweep", due_at=None, done_at=now)
    assert numbers(staff.text("/cms/")) == {
        "People": "4",
        "Devices": "3",
        "Organizations": "4",
        "within 1 day": "1",
        "within 7 days": "2",
        "within 30 days": "3",
        "Refused sign-ins": "1",
        "Background work waiting": "1",
        "Background work failed": "2",
    }


def test_big_numbers_are_not_counted_to_the_end(staff, alice, bob, monkeypatch):
    monkeypatch.setattr(dashboard, "COUNTED_MOST", 2)
    shown = numbers(staff.text("/cms/"))
    assert (shown["People"], shown["Devices"]) == ("2+", "2")


def test_thousands_are_readable():
    assert dashboard._shown(9_999) == "9,999"
    assert dashboard._shown(10_000) == "10,000"
    assert dashboard._shown(10_001) == "10,000+"


def test_an_empty_server_says_what_comes_next(staff):
    assert "app_key create" in staff.text("/cms/")


def test_every_count_has_an_end(staff, django_assert_num_queries):
    # session, person, roles, devices, 3 × active, outbox waiting and failed, people, organizations, failures;
    # the session's expiry with its savepoint (3)
    with django_assert_num_queries(15) as asked:
        staff.text("/cms/")
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"]]
    assert len(counts) == 9
    assert all("LIMIT 10001" in count for count in counts)
