"""What people have asked for by mail: confirmations, resets, and to hear when signing up is possible."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from api.apis.auth import selectors as auth
from api.cms.forms.requests import RequestSearchForm
from api.cms.lists import Column, ListPage
from api.platform.keyset import Cursor, Page


class RequestsView(ListPage):
    section = name = "requests"
    needs = "requests.read"
    title = _("Requests")
    template = "cms/requests/list.html"
    form_class = RequestSearchForm
    columns = (
        Column("email", _("Address"), is_personal=True),
        Column("purpose", _("Kind")),
        Column("user__username", _("Person"), "request_person", is_personal=True),
        Column("is_open", _("State"), "request_state"),
        Column("created_at", _("Asked"), "time"),
        Column("expires_at", _("Until"), "time"),
    )
    nothing = _(
        "Nothing lately: confirmations and password resets that people ask for appear here, for a day beyond their time."
    )
    nothing_fits = _("Nobody has asked for this lately.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return auth.requests_for_staff(purpose=filters.get("purpose", ""), cursor=cursor, limit=limit)


class WaitingListView(ListPage):
    section = "requests"
    name = "waiting-list"
    needs = "requests.read"
    title = _("Waiting list")
    template = "cms/requests/waiting_list.html"
    columns = (Column("email", _("Address"), is_personal=True), Column("created_at", _("Since"), "time"))
    nothing = _("Nobody waits: addresses appear here when people ask to hear when signing up is possible.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return auth.waiting_list_for_staff(cursor=cursor, limit=limit)
