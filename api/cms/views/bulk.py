"""Doing one thing to many: those that were chosen on a list, or all that match it. First a page that says to how many, then
a job, whose course one can watch.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.jobs import selectors as jobs
from api.apis.onboarding import selectors as onboarding
from api.apis.staff import selectors as staff
from api.apis.staff import services as staff_services
from api.apis.users import selectors as users
from api.cms.access import caller_of, duties_of
from api.cms.forms.reason import ReasonForm
from api.cms.lists import ListPage, filters_of
from api.cms.pages import StaffPage, Text, explained
from api.cms.views.devices import DevicesView
from api.cms.views.jobs import MessagesView
from api.cms.views.users import PeopleView
from api.exceptions import ApiError, Forbidden
from api.platform.ids import as_uuid

_NAMES_SHOWN = 20


class BulkPage(StaffPage):
    """Asks, and begins. It is sent to from a list, with the rows (`chosen`) or the list itself (`all`, `query`)."""

    http_method_names = ["post"]
    verb: ClassVar[str]
    page_of: ClassVar[type[ListPage]]
    names_of: ClassVar[Callable[[Sequence[uuid.UUID]], Mapping[uuid.UUID, str]]]
    heading: ClassVar[Text]
    effects: ClassVar[tuple[Text, ...]]
    button: ClassVar[Text]
    takes_away: ClassVar[bool] = True

    def post(self, request: HttpRequest) -> HttpResponse:
        chosen = self._chosen()
        if not chosen:
            messages.warning(request, gettext("Nothing was chosen: tick some rows, or all that match."))
            return HttpResponseRedirect(self._back())
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            return self._confirmation(chosen, form, HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK)
        try:
            caller = caller_of(request, reason=form.cleaned_data["reason"])
            begun = staff_services.begin_bulk(caller, verb=self.verb, chosen=chosen)
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return self._confirmation(chosen, form, refusal.status)
        return HttpResponseRedirect(reverse("cms:bulk", args=[begun]))

    def _chosen(self) -> list[uuid.UUID]:
        if "all" not in self.request.POST:
            return [key for text in self.request.POST.getlist("chosen") if (key := as_uuid(text))]
        query = QueryDict(self.request.POST.get("query", ""))
        form_class = self.page_of.form_class
        filters = filters_of(form_class(query) if form_class is not None else None)
        if filters is None:
            return []
        found: list[uuid.UUID] = []
        for rows in self.page_of().every_page(filters):
            found += [row["id"] for row in rows]
            if len(found) > staff_services.BULK_MOST:
                break
        return found

    def _back(self) -> str:
        return f"{reverse(f'cms:{self.page_of.name}')}?{self.request.POST.get('query', '')}"

    def _confirmation(self, chosen: list[uuid.UUID], form: ReasonForm, status: HTTPStatus) -> HttpResponse:
        names = type(self).names_of(chosen[:_NAMES_SHOWN])
        sent = self.request.POST
        kept = [("chosen", key) for key in sent.getlist("chosen") if "all" not in sent]
        context = {
            "heading": self.heading,
            "effects": self.effects,
            "button": self.button,
            "takes_away": self.takes_away,
            "names": [names.get(key, str(key)) for key in chosen[:_NAMES_SHOWN]],
            "count": len(chosen),
            "more": max(0, len(chosen) - _NAMES_SHOWN),
            "kept": [*kept, *((name, sent[name]) for name in ("all", "query") if name in sent)],
            "back": self._back(),
            "form": form,
            "section": self.page_of.section,
        }
        return self.page("cms/bulk/confirm.html", context, status=status)


class SignOutView(BulkPage):
    verb, needs = "users.sign_out", "sessions.end"
    page_of, names_of = PeopleView, users.usernames_for_staff
    heading = _("Sign them out everywhere?")
    effects = (
        _("Every session of theirs ends, on every device, and in the CMS."),
        _("They can sign in again, with the passwords that they have."),
    )
    button = _("Sign out everywhere")


class DeactivateView(BulkPage):
    verb, needs = "users.deactivate", "people.deactivate"
    page_of, names_of = PeopleView, users.usernames_for_staff
    heading = _("Deactivate them?")
    effects = (
        _("Every session of theirs ends, and they cannot sign in until somebody reactivates them."),
        _("Nothing is deleted, and it can be undone for all of them together."),
    )
    button = _("Deactivate")


class ReactivateView(BulkPage):
    verb, needs = "users.reactivate", "people.deactivate"
    page_of, names_of = PeopleView, users.usernames_for_staff
    heading = _("Reactivate them?")
    effects = (_("They can sign in again. Sessions that have ended stay ended."),)
    button = _("Reactivate")
    takes_away = False


class RevokeView(BulkPage):
    verb, needs = "devices.revoke", "devices.revoke"
    page_of, names_of = DevicesView, onboarding.device_names_for_staff
    heading = _("Revoke these devices?")
    effects = (
        _("Their sessions end, and their keys are never taken again. This cannot be undone."),
        _("To come back, the app has to register as a new device."),
    )
    button = _("Revoke")


class RetryView(BulkPage):
    verb, needs = "jobs.retry", "outbox.change"
    page_of, names_of = MessagesView, jobs.message_names_for_staff
    heading = _("Try them again?")
    effects = (
        _("They are carried out as soon as a worker is free. What was not given up is left out."),
        _("What they did before they failed may be done twice: a mail can arrive again."),
    )
    button = _("Try again")
    takes_away = False


_PAGES: Mapping[str, type[BulkPage]] = {
    page.verb: page for page in (SignOutView, DeactivateView, ReactivateView, RevokeView, RetryView)
}


class _OneBulk(StaffPage):
    """A bulk change, for whoever has begun it, and for who may look at background work: the selector tells."""

    needs = None

    def found(self) -> dict[str, Any]:
        return staff.bulk_change(caller_of(self.request), self.kwargs["bulk_id"])


class ProgressView(_OneBulk):
    """How far it has come; htmx asks for the middle of the page alone."""

    def get(self, request: HttpRequest, bulk_id: uuid.UUID) -> HttpResponse:
        bulk = self.found()
        page, verb = _PAGES[bulk["verb"]], staff_services.VERBS[bulk["verb"]]
        can_undo = bool(verb.inverse) and bulk["done"] > bulk["refused"] and verb.duty in duties_of(request)
        context = {
            "bulk": bulk,
            "heading": page.button,
            "list_title": page.page_of.title,
            "back": reverse(f"cms:{page.page_of.name}"),
            "section": page.page_of.section,
            "can_undo": can_undo,
        }
        is_part = "HX-Request" in request.headers
        return self.page("cms/bulk/progress.html" if is_part else "cms/bulk/detail.html", context)


class StopView(_OneBulk):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, bulk_id: uuid.UUID) -> HttpResponse:
        self.found()
        staff_services.stop_bulk(caller_of(request), bulk_id=bulk_id)
        return HttpResponseRedirect(reverse("cms:bulk", args=[bulk_id]))


class UndoView(_OneBulk):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, bulk_id: uuid.UUID) -> HttpResponse:
        bulk = self.found()
        if not staff_services.VERBS[bulk["verb"]].inverse:
            raise Forbidden(gettext("This cannot be undone."))
        caller = caller_of(request, reason=gettext("Undone: %(reason)s") % {"reason": bulk["reason"][:400]})
        try:
            begun = staff_services.undo_bulk(caller, bulk_id=bulk_id)
        except staff_services.NothingChosen as refusal:
            messages.warning(request, explained(refusal))
            begun = bulk_id
        return HttpResponseRedirect(reverse("cms:bulk", args=[begun]))
