"""Looking at the product as a person does: their own selectors, narrowed as theirs are, for a quarter of an hour. It signs
nobody in as them: there is no session and no token, and nothing is changed meanwhile.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.auth import services as auth_services
from api.apis.contacts import selectors as contacts
from api.apis.devices import selectors as devices
from api.apis.orgs import selectors as orgs
from api.apis.users import selectors as users
from api.cms.access import browser_of, caller_of, eyes_of, viewed_by
from api.cms.pages import ConfirmedChange, StaffPage, Subject
from api.platform.callers import Caller

_ROWS = 25


class ViewAsView(ConfirmedChange):
    section = "users"
    needs = "people.view_as"
    heading = _("See what {name} sees?")
    effects = (
        _("You see their profile, organizations, contacts and devices as the app shows them, for at most 15 minutes."),
        _("Nothing can be changed meanwhile, and nothing that would sign anybody in is shown."),
        _("The audit trail tells that you looked, when you stopped, and why."),
    )
    button = _("Look")
    takes_away = False
    done = _("You see what {name} sees.")

    def subject(self) -> Subject:
        person = users.person_for_staff(self.kwargs["user_id"])
        return Subject(person["username"], reverse("cms:user", args=[person["id"]]))

    def perform(self, caller: Caller) -> None:
        browser = browser_of(self.request)
        assert browser is not None
        auth_services.begin_viewing(caller, session_id=browser.id, user_id=self.kwargs["user_id"])

    def arrived(self, subject: Subject) -> HttpResponse:
        return HttpResponseRedirect(reverse("cms:viewing"))


class ViewingView(StaffPage):
    """What the person sees."""

    section = "users"
    needs = "people.view_as"

    def get(self, request: HttpRequest) -> HttpResponse:
        viewed = viewed_by(request)
        if viewed is None:
            messages.info(request, gettext("You look through nobody's eyes at the moment."))
            return HttpResponseRedirect(reverse("cms:users"))
        eyes = eyes_of(request, viewed)
        window: dict[str, Any] = {"cursor": None, "limit": _ROWS, "wants_total": False}
        context = {
            "profile": users.own_profile(eyes),
            "organizations": orgs.organizations_of(eyes, sort=(("created_at", False),), **window).rows,
            "contacts": contacts.contacts_of(eyes, filters={}, query="", sort=(("updated_at", True),), **window).rows,
            "devices": devices.devices_of(eyes, sort=(("signed_in_at", True),), **window).rows,
        }
        return self.page("cms/view_as/viewing.html", context)


class ViewingEndView(StaffPage):
    """Back to one's own eyes."""

    needs = None
    is_open_while_viewing = True

    def post(self, request: HttpRequest) -> HttpResponse:
        browser = browser_of(request)
        assert browser is not None
        viewed = browser.viewing_id
        auth_services.end_viewing(caller_of(request), session_id=browser.id)
        messages.success(request, gettext("You see with your own eyes again."))
        return HttpResponseRedirect(reverse("cms:user", args=[viewed]) if viewed else reverse("cms:dashboard"))
