"""How the server does: its stores, versions, queues, timetable, and the settings that matter. And what is done to all of it
at once.
"""

import platform
import uuid
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.jobs import selectors as jobs
from api.apis.staff import services as staff_services
from api.cms.access import caller_of
from api.cms.pages import ConfirmedChange, StaffPage, Subject
from api.platform import stores
from api.platform.callers import Caller

# What explains how the server behaves. Never a key, a password or an address with one in it.
SHOWN_SETTINGS = (
    "ENVIRONMENT",
    "FRONTEND_URL",
    "REGISTRATION_OPEN",
    "DEVICE_SIGNATURE_POLICY",
    "ATTESTATION_REQUIRED",
    "STAFF_SECOND_FACTOR",
    "ACCESS_TOKEN_SECONDS",
    "REFRESH_IDLE_SECONDS",
    "SESSION_MAX_SECONDS",
    "FRESH_PROOF_SECONDS",
    "EMAIL_PROVIDER",
    "MAILS_PER_DAY",
    "ERASURE_GRACE_DAYS",
    "EXPORT_RETENTION_DAYS",
    "AUDIT_RETENTION_DAYS",
    "TRUSTED_PROXY_COUNT",
    "CORS_ALLOWED_ORIGINS",
    "API_DOCS_ENABLED",
)


class SystemView(StaffPage):
    section = "system"
    needs = "system.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {
            "stores": stores.found(),
            "versions": {
                "Handset": settings.VERSION,
                "Python": platform.python_version(),
                "Django": django.get_version(),
                connection.display_name: ".".join(str(part) for part in connection.get_database_version()),
            },
            "backlog": jobs.backlog_for_staff(),
            "schedule": jobs.schedule_for_staff(settings.SCHEDULE),
            "settings": [(name, getattr(settings, name)) for name in SHOWN_SETTINGS],
        }
        return self.page("cms/system/system.html", context)


class EverybodyView(ConfirmedChange):
    """Ends every session there is."""

    section = "system"
    needs = "sessions.end_all"
    needs_fresh_proof = True
    heading = _("Sign everybody out?")
    effects = (
        _("Every session of every device ends, and every browser of staff: yours as well."),
        _(
            "Devices stay registered. Apps ask for a new token by themselves, people sign in again, all at about the same time."
        ),
        _("It runs in the background, and cannot be undone."),
    )
    button = _("Sign everybody out")
    done = _("Everybody is being signed out.")

    def subject(self) -> Subject:
        return Subject("", reverse("cms:system"))

    def perform(self, caller: Caller) -> None:
        staff_services.begin_ending_everybody(caller)


class TrailCheckView(StaffPage):
    """Proves the audit trail: asks, and begins a job."""

    section = "audit"
    needs = "audit.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("cms/audit/check.html", {})

    def post(self, request: HttpRequest) -> HttpResponse:
        begun = staff_services.begin_trail_check(caller_of(request))
        return HttpResponseRedirect(reverse("cms:trail-checked", args=[begun]))


class TrailCheckedView(StaffPage):
    """How far one's own check has come, and what it has found; htmx asks for the middle of the page alone."""

    section = "audit"
    needs = "audit.read"

    def get(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        job: dict[str, Any] = jobs.job_of(caller_of(request), str(job_id))
        is_part = "HX-Request" in request.headers
        return self.page("cms/audit/checking.html" if is_part else "cms/audit/checked.html", {"job": job})
