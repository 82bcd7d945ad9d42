"""The numbers of the dashboard."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from api.apis.staff import services
from api.cms.charts import PLANS, Chart, _ceiling, octets
from api.cms.views import dashboard
from api.models import Device, Figure, OutboxMessage

pytestmark = pytest.mark.django_db


def numbers(page: str) -> dict[str, str]:
    """Label -> number, as a reader sees them."""
    cells = re.findall(r"<dt[^>]*>(.*?)</dt>\s*<dd>(.*?)</dd>", page)
    return {re.sub(r"<[^>]+>", "", label): number for label, number in cells}


def test_it_shows_what_was_counted(staff, alice, bob, charlie):
    now = timezone.now()
    ages = {alice: timedelta(hours=23), bob: timedelta(days=6), charlie: timedelta(days=29)}
    for person, age in ages.items():
        Device.objects.filter(live_session__user=person.user).update(last_seen_at=now - age)
    staff.browser.__class__().sign_in(staff.user.email, "wrong")
    OutboxMessage.objects.all().delete()
    OutboxMessage.objects.create(task="auth.sweep")
    OutboxMessage.objects.create(task="auth.sweep", due_at=None, failed_at=now)
    OutboxMessage.objects.create(task="auth.sweep", due_at=None, failed_at=now)
    OutboxMessage.objects.create(task="auth.mail_proof", due_at=None, done_at=now)
    services.roll_up()
    shown = numbers(staff.text("/cms/"))
    assert (
        shown
        | {
            "People": "4",
            "Devices": "3",
            "Organizations": "4",
            "Background work waiting": "1",
            "Background work failed": "2",
            "Sign-ups": "4",
            "within a day": "1",
            "within 7 days": "2",
            "within 30 days": "3",
            "Refused sign-ins": "1",
            "Sent": "1",
            "Given up": "0",
        }
        == shown
    )


@pytest.mark.parametrize("entry", dashboard.RANGES, ids=lambda entry: entry.name)
def test_every_range_has_its_numbers_in_a_table(staff, entry):
    services.roll_up()
    page = staff.text(f"/cms/?range={entry.name}")
    assert f'href="?range={entry.name}" aria-current="true"' in page
    assert page.count("<svg") == len(PLANS)
    assert page.count('<th role="rowheader"') == entry.steps * len(PLANS)


def test_before_anything_was_counted_it_says_when(staff):
    page = staff.text("/cms/")
    assert "within five minutes" in page
    assert "<svg" not in page


def test_bars_add_up_and_curves_end(db):
    now = timezone.now()
    moments = [now - timedelta(hours=1), now]
    bars = Chart(PLANS[0], {"sign_ups": {moments[0]: 30, moments[1]: 7}}, moments)
    assert [number for _, number in bars.headlines] == ["37"]
    assert [len(boxes) for _, boxes in bars.bars] == [2]
    curve = Chart(PLANS[3], {"p95_ms": {moments[0]: 30, moments[1]: 7}}, moments)
    assert [number for _, number in curve.headlines] == ["7 ms"]
    assert len(curve.curves[0][1].split()) == 2
    assert [cells for _, cells in Chart(PLANS[0], {}, moments).table] == [[(PLANS[0].lines[0].label, "–")]] * 2


def test_scales_end_at_round_numbers():
    assert [_ceiling(number) for number in (0, 1, 3, 10, 11, 49, 5001)] == [1, 1, 5, 10, 20, 50, 10_000]
    assert [octets(size) for size in (0, 999, 1500, 123_456_789)] == ["0 B", "999 B", "1.5 kB", "123 MB"]


def test_thousands_are_readable():
    assert dashboard._shown(9_999) == "9,999"
    assert dashboard._shown(10_000) == "10,000"
    assert dashboard._shown(10_001) == "10,000+"


def test_an_empty_server_says_what_comes_next(staff):
    services.roll_up()
    assert "app_key create" in staff.text("/cms/")


def test_no_page_counts_a_table(staff, django_assert_num_queries):
    Figure.objects.create(metric="people", span="day", at=timezone.now(), value=1)
    # session, person, roles, figures, outbox waiting and failed; the session's expiry with its savepoint (3)
    with django_assert_num_queries(9) as asked:
        staff.text("/cms/")
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"]]
    assert len(counts) == 2
    assert all("LIMIT 10001" in count for count in counts)
