"""One field for whatever somebody read out on the telephone, or copied out of a log."""

import ipaddress
import uuid
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from api import fields
from api.apis.api_keys import selectors as api_keys
from api.apis.audit import selectors as audit
from api.apis.auth import selectors as auth
from api.apis.contacts import selectors as contacts
from api.apis.images import selectors as images
from api.apis.jobs import selectors as jobs
from api.apis.onboarding import selectors as onboarding
from api.apis.orgs import selectors as orgs
from api.apis.tags import selectors as tags
from api.apis.users import selectors as users
from api.cms.access import duties_of
from api.cms.forms.search import AnythingSearchForm
from api.cms.pages import StaffPage
from api.platform.ids import as_uuid

_FOUND_MOST = 5  # of each kind

Rows = list[dict[str, Any]]


class Hit(NamedTuple):
    """Something that has no list of its own on the page."""

    kind: str
    name: str
    address: str
    of: str = ""  # what it belongs to


class SearchView(StaffPage):
    """People, devices, organizations, contacts and whatever else has an id, as far as one may see them."""

    section = "search"
    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        form = AnythingSearchForm(request.GET)
        text = form.cleaned_data["q"] if form.is_valid() else ""
        found = _found(text, duties_of(request)) if text else {}
        context = {"form": form, "is_searched": bool(text), **found, "has_found": any(found.values())}
        return self.page("cms/search/search.html", context)


def _found(text: str, may: frozenset[str]) -> dict[str, list[Any]]:
    """What fits, by kind. A number and an address of the network are nothing's name: they are looked up as what they are."""
    number, address = _number(text), _address(text)
    if number is not None:
        return _with_number(number, may)
    if address is not None:
        devices = onboarding.devices_at_for_staff(address, limit=_FOUND_MOST) if "devices.read" in may else []
        return {"devices": devices}
    found: dict[str, list[Any]] = _named(text, may)
    if "outbox.read" in may:
        found["work"] = jobs.messages_of_for_staff(text, limit=_FOUND_MOST)
    if "audit.read" in may:
        found["entries"] = audit.entries_of_request_for_staff(text, limit=_FOUND_MOST)
    key = as_uuid(text.lower())
    found["others"] = _identified(key, may) if key is not None else []
    return found


def _number(text: str) -> str | None:
    """The telephone number in E.164, if it is a complete one."""
    try:
        return str(fields.PhoneNumberField().run_validation(f"+{text[2:]}" if text.startswith("00") else text))
    except ValidationError:
        return None


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _with_number(number: str, may: frozenset[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    if "people.read" in may:
        found["people"] = users.people_by_phone_for_staff(number, limit=_FOUND_MOST)
    if "contacts.read" in may:
        found["contacts"] = contacts.contacts_with_for_staff(number, limit=_FOUND_MOST)
    return found


def _named(text: str, may: frozenset[str]) -> dict[str, list[Any]]:
    """Those with this id, and those whose name, or address, begins like this."""
    most = _FOUND_MOST
    found: dict[str, list[Any]] = {}
    if "people.read" in may:
        found["people"] = users.people_named_for_staff(text, limit=most)
    if "devices.read" in may:
        found["devices"] = onboarding.devices_for_staff(text=text, cursor=None, limit=most).rows
    if "orgs.read" in may:
        found["organizations"] = orgs.organizations_for_staff(text=text, cursor=None, limit=most).rows
    if "contacts.read" in may:
        named = contacts.contacts_named_for_staff(text, limit=most)
        found["contacts"] = named + (contacts.contacts_with_for_staff(text, limit=most) if "@" in text else [])
    return found


def _identified(key: uuid.UUID, may: frozenset[str]) -> list[Hit]:
    """Whatever else has this id; ids are made once, so at most one thing has."""
    if "images.read" in may and (row := images.image_by_uid_for_staff(key)):
        there = reverse("cms:org-image", args=[row["organization_id"], key])
        return [Hit(_("Image"), row["title"] or str(key), there, row["organization__name"])]
    if "contacts.read" in may and (row := tags.tag_by_uid_for_staff(key)):
        there = reverse("cms:org-tags", args=[row["organization_id"]])
        return [Hit(_("Tag"), row["name"], there, row["organization__name"])]
    if "devices.read" in may and (row := auth.session_by_id_for_staff(key)):
        name = row["device__name"] or row["device__model"] or str(row["device_id"])
        of = (row["user__username"] or "") if "people.read" in may else ""
        return [Hit(_("Session"), name, reverse("cms:device", args=[row["device_id"]]), of)]
    if "orgs.read" in may and (row := api_keys.key_by_id_for_staff(key)):
        there = reverse("cms:org", args=[row["organization_id"]])
        return [Hit(_("API key"), row["name"], there, row["organization__name"])]
    if "orgs.read" in may and (row := orgs.invitation_by_id_for_staff(key)):
        there = reverse("cms:org", args=[row["organization_id"]])
        return [Hit(_("Invitation"), str(key), there, row["organization__name"])]
    return []
