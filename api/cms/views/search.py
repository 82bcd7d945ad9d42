"""One field for whatever somebody read out on the telephone."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from api.apis.contacts import selectors as contacts
from api.apis.onboarding import selectors as onboarding
from api.apis.orgs import selectors as orgs
from api.apis.users import selectors as users
from api.cms.access import duties_of
from api.cms.forms.search import AnythingSearchForm
from api.cms.pages import StaffPage

_FOUND_MOST = 5  # of each kind


class SearchView(StaffPage):
    """People, devices, organizations and contacts, as far as one may see them."""

    section = "search"
    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        form = AnythingSearchForm(request.GET)
        text = form.cleaned_data["q"] if form.is_valid() else ""
        found = _found(text, duties_of(request)) if text else {}
        context = {"form": form, "is_searched": bool(text), **found, "has_found": any(found.values())}
        return self.page("cms/search/search.html", context)


def _found(text: str, may: frozenset[str]) -> dict[str, list[dict[str, Any]]]:
    most = _FOUND_MOST
    found: dict[str, list[dict[str, Any]]] = {}
    if "people.read" in may:
        found["people"] = users.people_named_for_staff(text, limit=most)
    if "devices.read" in may:
        found["devices"] = onboarding.devices_for_staff(text=text, cursor=None, limit=most).rows
    if "orgs.read" in may:
        found["organizations"] = orgs.organizations_for_staff(text=text, cursor=None, limit=most).rows
    if "contacts.read" in may:
        found["contacts"] = contacts.contacts_named_for_staff(text, limit=most)
    return found
