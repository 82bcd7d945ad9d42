"""The numbers of the day."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import number_format

from api.apis.audit import selectors as audit
from api.apis.jobs import selectors as jobs
from api.apis.onboarding import selectors as onboarding
from api.apis.orgs import selectors as orgs
from api.apis.users import selectors as users
from api.cms.pages import StaffPage

# Beyond this a number says "at least": no count walks over a whole table.
COUNTED_MOST = 10_000
_ACTIVE_DAYS = (1, 7, 30)


class DashboardView(StaffPage):
    section = "dashboard"
    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("cms/dashboard/dashboard.html", _numbers(COUNTED_MOST + 1))


def _numbers(most: int) -> dict[str, Any]:
    a_day_ago = timezone.now() - timedelta(days=1)
    outbox = jobs.outbox_numbers_for_staff(most=most)
    devices = onboarding.number_of_devices_for_staff(most=most)
    active = onboarding.active_devices_for_staff(_ACTIVE_DAYS, most=most)
    return {
        "has_devices": devices > 0,
        "people": _shown(users.number_of_people_for_staff(most=most)),
        "organizations": _shown(orgs.number_of_organizations_for_staff(most=most)),
        "devices": _shown(devices),
        "active": [(days, _shown(number)) for days, number in active.items()],
        "failures": _shown(audit.number_of_sign_in_failures_for_staff(since=a_day_ago, most=most)),
        "waiting": _shown(outbox.waiting),
        "failed": _shown(outbox.failed),
        "has_failed": outbox.failed > 0,
    }


def _shown(number: int) -> str:
    counted = number_format(min(number, COUNTED_MOST), use_l10n=True, force_grouping=True)
    return f"{counted}+" if number > COUNTED_MOST else counted
