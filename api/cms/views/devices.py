"""Devices: finding them, seeing who uses them, revoking them."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.auth import selectors as auth
from api.apis.onboarding import selectors as onboarding
from api.apis.onboarding import services as onboarding_services
from api.cms.forms.devices import DeviceSearchForm
from api.cms.pages import ConfirmedChange, Pager, StaffPage, Subject
from api.platform.callers import Caller

_PART_LIMIT = 20  # rows of each part of a detail page


class DevicesView(StaffPage):
    """All devices by pages, or those of a platform and a status; with `q` the one that it names."""

    section = "devices"
    needs = "devices.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = DeviceSearchForm(request.GET)
        context = {"form": form, "is_searched": any(request.GET.get(name) for name in form.fields)}
        if not form.is_valid():
            return self.page("cms/devices/list.html", {**context, "rows": []})
        text, platform, status = (form.cleaned_data[name] for name in ("q", "platform", "status"))
        pager = Pager(request, "devices", platform, status)
        page = onboarding.devices_for_staff(
            text=text, platform=platform, status=status, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT
        )
        return self.page("cms/devices/list.html", {**context, "rows": page.rows, **pager.links(page)})


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
