"""Background work: what waits, runs, is done, and what was given up, with the reason."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.jobs import selectors as jobs
from api.apis.jobs import services as job_services
from api.cms.forms.jobs import MessageSearchForm
from api.cms.lists import Choice, Column, ListPage
from api.cms.pages import ConfirmedChange, StaffPage, Subject
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Page

_PART_LIMIT = 20  # rows of each part of a detail page


class MessagesView(ListPage):
    section = name = "jobs"
    needs = "outbox.read"
    title = _("Background work")
    form_class = MessageSearchForm
    columns = (
        Column("task", _("Work"), "message"),
        Column("state", _("State"), "message_progress"),
        Column("attempts", _("Attempts")),
        Column("created_at", _("Written"), "time"),
        Column("due_at", _("Due"), "time"),
        Column("last_error", _("Error"), "long_text"),
        Column("id", _("Id"), "mono", is_usual=False),
        Column("request_id", _("Request"), "mono", is_usual=False),
        Column("done_at", _("Done"), "time", is_usual=False),
        Column("failed_at", _("Given up"), "time", is_usual=False),
    )
    choices = (Choice("jobs-retry", _("Try again…"), "outbox.change"),)
    nothing = _("Nothing yet: mail, jobs and the timetable's tasks appear here.")
    nothing_fits = _("Nothing is in this state.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return jobs.messages_for_staff(state=filters.get("state", ""), cursor=cursor, limit=limit)


class MessageView(StaffPage):
    section = "jobs"
    needs = "outbox.read"

    def get(self, request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
        message = jobs.message_for_staff(message_id)
        entries = audit.latest_entries_for_staff(target_kind="outbox_message", target_id=message_id, limit=_PART_LIMIT)
        is_part = "HX-Request" in request.headers
        template = "cms/jobs/course.html" if is_part else "cms/jobs/detail.html"
        return self.page(template, {"message": message, "entries": entries})


class _MessageChange(ConfirmedChange):
    section = "jobs"
    needs = "outbox.change"

    def subject(self) -> Subject:
        message = jobs.message_for_staff(self.kwargs["message_id"])
        return Subject(message["task"], reverse("cms:job", args=[message["id"]]))


class StopView(_MessageChange):
    heading = _("Call {name} off?")
    effects = (
        _("It goes no further, and is not tried again. What it has done so far stays."),
        _("Whoever asked for it sees that it was called off."),
    )
    button = _("Call off")
    done = _("{name} is called off.")

    def subject(self) -> Subject:
        # Its own page is gone afterwards.
        return super().subject()._replace(address=reverse("cms:jobs"))

    def perform(self, caller: Caller) -> None:
        job_services.stop_job(caller, message_id=self.kwargs["message_id"])


class RetryView(_MessageChange):
    heading = _("Try {name} again?")
    effects = (
        _("It is carried out as soon as a worker is free, and up to ten times if it goes wrong."),
        _("What it has done before it failed may be done twice: a mail can arrive again."),
    )
    button = _("Try again")
    takes_away = False
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
