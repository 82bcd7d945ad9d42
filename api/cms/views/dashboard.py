"""The numbers of the day, and how they came to be."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.apis.jobs import selectors as jobs
from api.apis.staff import selectors as staff
from api.cms.charts import PLANS, Chart, grouped
from api.cms.pages import StaffPage

# Beyond this a number says "at least": no count walks over a whole table.
COUNTED_MOST = 10_000


class Range(NamedTuple):
    name: str  # in the address
    label: Promise
    step: timedelta
    steps: int


RANGES = (
    Range("24h", _("24 hours"), timedelta(hours=1), 24),
    Range("7d", _("7 days"), timedelta(days=1), 7),
    Range("30d", _("30 days"), timedelta(days=1), 30),
    Range("90d", _("90 days"), timedelta(days=1), 90),
)


class DashboardView(StaffPage):
    """Read from figures that the background adds up (`staff.roll_up`), and from the short list of what waits."""

    section = "dashboard"
    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        chosen = next((entry for entry in RANGES if entry.name == request.GET.get("range")), RANGES[2])
        is_hourly = chosen.step < timedelta(days=1)
        moments = _moments(chosen, timezone.now())
        found = staff.figures(is_hourly=is_hourly, since=moments[0])
        charts = [Chart(plan, found, moments) for plan in PLANS]
        frame = {"charts": charts, "ranges": RANGES, "chosen": chosen, "is_hourly": is_hourly, "moments": moments}
        return self.page("cms/dashboard/dashboard.html", {**_numbers(found), **frame})


def _moments(chosen: Range, now: datetime) -> list[datetime]:
    """The beginnings of the hours or days of a range; the present one is the last."""
    last = now.replace(minute=0, second=0, microsecond=0)
    if chosen.step >= timedelta(days=1):
        last = last.replace(hour=0)
    return [last - chosen.step * back for back in reversed(range(chosen.steps))]


def _numbers(found: dict[str, dict[datetime, int]]) -> dict[str, Any]:
    outbox = jobs.outbox_numbers_for_staff(most=COUNTED_MOST + 1)
    totals = {name: _latest(found.get(name, {})) for name in ("people", "devices", "organizations")}
    return {
        **totals,
        "is_counted": bool(found),
        "has_devices": totals["devices"] not in ("–", "0"),
        "waiting": _shown(outbox.waiting),
        "failed": _shown(outbox.failed),
        "has_failed": outbox.failed > 0,
    }


def _latest(values: dict[datetime, int]) -> str:
    return grouped(values[max(values)]) if values else "–"


def _shown(number: int) -> str:
    return f"{grouped(COUNTED_MOST)}+" if number > COUNTED_MOST else grouped(number)
