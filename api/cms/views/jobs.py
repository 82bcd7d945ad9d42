"""Background work: what waits, runs, is done, and what was given up, with the reason."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.jobs import selectors as jobs
from api.apis.jobs import services as job_services
from api.cms.forms.jobs import MessageSearchForm
from api.cms.pages import ConfirmedChange, Pager, StaffPage, Subject
from api.platform.callers import Caller

_PART_LIMIT = 20  # rows of each part of a detail page


class MessagesView(StaffPage):
    section = "jobs"
    needs = "outbox.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = MessageSearchForm(request.GET)
        context = {"form": form, "is_searched": bool(request.GET.get("state"))}
        if not form.is_valid():
            return self.page("cms/jobs/list.html", {**context, "rows": []})
        state = form.cleaned_data["state"]
        pager = Pager(request, "jobs", state)
        page = jobs.messages_for_staff(state=state, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/jobs/list.html", {**context, "rows": page.rows, **pager.links(page)})


class MessageView(StaffPage):
    section = "jobs"
    needs = "outbox.read"

    def get(self, request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
        message = jobs.message_for_staff(message_id)
        entries = audit.latest_entries_for_staff(target_kind="outbox_message", target_id=message_id, limit=_PART_LIMIT)
        return self.page("cms/jobs/detail.html", {"message": message, "entries": entries})


class _MessageChange(ConfirmedChange):
    section = "jobs"
    needs = "outbox.change"

    def subject(self) -> Subject:
        message = jobs.message_for_staff(self.kwargs["message_id"])
        return Subject(message["task"], reverse("cms:job", args=[message["id"]]))


class RetryView(_MessageChange):
    heading = _("Try {name} again?")
    effects = (
        _("It is carried out as soon as a worker is free, and up to ten times if it goes wrong."),
        _("What it has done before it failed may be done twice: a mail can arrive again."),
    )
    button = _("Try again")
    done = _("{name} will be tried again.")

    def perform(self, caller: Caller) -> None:
        job_services.retry_message(caller, message_id=self.kwargs["message_id"])


class DiscardView(_MessageChange):
    heading = _("Discard {name}?")
    effects = (
        _("It is deleted, and never carried out. This cannot be undone."),
        _("A job of which it is a part stays failed."),
    )
    button = _("Discard")
    done = _("{name} is discarded.")

    def subject(self) -> Subject:
        # Its own page is gone afterwards.
        return super().subject()._replace(address=reverse("cms:jobs"))

    def perform(self, caller: Caller) -> None:
        job_services.discard_message(caller, message_id=self.kwargs["message_id"])
