"""Devices: finding them, seeing who uses them, revoking them."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.auth import selectors as auth
from api.apis.onboarding import selectors as onboarding
from api.apis.onboarding import services as onboarding_services
from api.cms.forms.devices import DeviceSearchForm
from api.cms.lists import Choice, Column, ListPage
from api.cms.pages import ConfirmedChange, StaffPage, Subject
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Page

_PART_LIMIT = 20  # rows of each part of a detail page


class DevicesView(ListPage):
    """All devices by pages, or those of a platform and a status; with `q` the one that it names."""

    section = name = "devices"
    needs = "devices.read"
    title = _("Devices")
    form_class = DeviceSearchForm
    columns = (
        Column("name", _("Device"), "device"),
        Column("platform", _("App"), "device_app"),
        Column("status", _("Status"), "device_status"),
        Column("live_session__user__username", _("Signed in"), "device_person", is_personal=True),
        Column("last_seen_at", _("Last seen"), "last_time"),
        Column("created_at", _("Registered"), "time"),
        Column("id", _("Id"), "mono", is_usual=False),
        Column("model", _("Model"), is_usual=False),
        Column("os_version", _("System"), is_usual=False),
        Column("app_version", _("Version"), is_usual=False),
    )
    choices = (Choice("devices-revoke", _("Revoke…"), "devices.revoke"),)
    nothing = _(
        "No devices yet. They appear when an app has registered: make a key for its build with manage.py app_key create, "
        "and give it to the app."
    )
    nothing_fits = _("No device fits. An id must be complete; or choose another platform or status.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return onboarding.devices_for_staff(
            text=filters.get("q", ""),
            platform=filters.get("platform", ""),
            status=filters.get("status", ""),
            cursor=cursor,
            limit=limit,
        )


class DeviceView(StaffPage):
    section = "devices"
    needs = "devices.read"

    def get(self, request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
        device = onboarding.device_for_staff(device_id)
        sessions = auth.sessions_on_device_for_staff(device_id, limit=_PART_LIMIT)
        entries = audit.latest_entries_for_staff(
            target_kind="device", target_id=device_id, session_ids=[row["id"] for row in sessions], limit=_PART_LIMIT
        )
        return self.page("cms/devices/detail.html", {"device": device, "sessions": sessions, "entries": entries})


class RevokeView(ConfirmedChange):
    section = "devices"
    needs = "devices.revoke"
    heading = _("Revoke {name}?")
    effects = (
        _("Its sessions end now, and its key is never taken again. This cannot be undone."),
        _("The person who uses it keeps their account, and their other devices."),
        _("To come back, the app has to register as a new device."),
    )
    button = _("Revoke")
    done = _("{name} is revoked.")

    def subject(self) -> Subject:
        device = onboarding.device_for_staff(self.kwargs["device_id"])
        name = device["name"] or device["model"] or str(device["id"])
        return Subject(name, reverse("cms:device", args=[device["id"]]))

    def perform(self, caller: Caller) -> None:
        onboarding_services.revoke_device(caller, device_id=self.kwargs["device_id"])
