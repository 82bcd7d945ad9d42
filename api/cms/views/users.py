"""People: finding them, seeing what is known about them, shutting them out and letting them in again."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.auth import selectors as auth
from api.apis.auth import services as auth_services
from api.apis.orgs import selectors as orgs
from api.apis.users import selectors as users
from api.cms.forms.users import PeopleSearchForm
from api.cms.pages import ConfirmedChange, Pager, StaffPage, Subject
from api.platform.callers import Caller

_PART_LIMIT = 20  # rows of each part of a detail page


class PeopleView(StaffPage):
    """All people by pages; with `q` those whose address or username begins with it, on one page."""

    section = "users"
    needs = "people.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = PeopleSearchForm(request.GET)
        context = {"form": form, "is_searched": bool(request.GET.get("q", "").strip())}
        if not form.is_valid():
            return self.page("cms/users/list.html", {**context, "rows": []})
        if text := form.cleaned_data["q"]:
            rows = users.people_named_for_staff(text, limit=settings.PAGE_LIMIT_DEFAULT)
            is_cut = len(rows) >= settings.PAGE_LIMIT_DEFAULT
            return self.page("cms/users/list.html", {**context, "rows": rows, "is_cut": is_cut})
        pager = Pager(request, "users")
        page = users.people_for_staff(cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/users/list.html", {**context, "rows": page.rows, **pager.links(page)})


class PersonView(StaffPage):
    section = "users"
    needs = "people.read"

    def get(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        person = users.person_for_staff(user_id)
        sessions = auth.sessions_of_person_for_staff(user_id, limit=_PART_LIMIT)
        memberships = orgs.memberships_for_staff(user_id, limit=_PART_LIMIT)
        entries = audit.latest_entries_for_staff(
            target_kind="user", target_id=user_id, session_ids=[row["id"] for row in sessions], limit=_PART_LIMIT
        )
        context = {"person": person, "sessions": sessions, "memberships": memberships, "entries": entries}
        return self.page("cms/users/detail.html", context)


class _PersonChange(ConfirmedChange):
    section = "users"
    needs = "people.deactivate"

    def subject(self) -> Subject:
        person = users.person_for_staff(self.kwargs["user_id"])
        return Subject(person["username"], reverse("cms:user", args=[person["id"]]))


class DeactivateView(_PersonChange):
    heading = _("Deactivate {name}?")
    effects = (
        _("Every session ends now, on every device, and in the CMS."),
        _("The person cannot sign in until somebody reactivates the account."),
        _("Nothing is deleted, and memberships stay."),
    )
    button = _("Deactivate")
    done = _("{name} is deactivated.")

    def perform(self, caller: Caller) -> None:
        auth_services.deactivate_person(caller, user_id=self.kwargs["user_id"])


class ReactivateView(_PersonChange):
    heading = _("Reactivate {name}?")
    effects = (
        _("The person can sign in again, with the password that the account had."),
        _("Sessions that have ended stay ended."),
    )
    button = _("Reactivate")
    done = _("{name} can sign in again.")

    def perform(self, caller: Caller) -> None:
        auth_services.reactivate_person(caller, user_id=self.kwargs["user_id"])
