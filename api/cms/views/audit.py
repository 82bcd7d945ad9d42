"""The audit trail as a timeline."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.cms.forms.audit import AuditSearchForm
from api.cms.lists import Column, ListPage
from api.cms.pages import StaffPage
from api.platform.keyset import Cursor, Page


class AuditView(ListPage):
    section = name = "audit"
    needs = "audit.read"
    title = _("Audit trail")
    template = "cms/audit/list.html"
    form_class = AuditSearchForm
    columns = (
        Column("at", _("When"), "audit_when"),
        Column("action", _("What"), "audit_action"),
        Column("actor_id", _("By"), "audit_actor"),
        Column("target_id", _("About"), "audit_target"),
        Column("address", _("From"), "audit_place", is_personal=True),
        Column("details", _("Details"), "audit_details", is_personal=True),
        Column("request_id", _("Request"), "mono", is_usual=False),
        Column("organization_id", _("Organization"), "mono", is_usual=False),
        Column("outcome", _("Outcome"), is_usual=False),
        Column("id", _("Number"), "mono", is_usual=False),
    )
    nothing = _("Nothing yet: whatever is done appears here.")
    nothing_fits = _("Nothing like this in the trail. Ids must be complete; take a filter away.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return audit.entries_for_staff(filters, cursor=cursor, limit=limit)


class EntryView(StaffPage):
    """One entry, with what was before and after side by side."""

    section = "audit"
    needs = "audit.read"

    def get(self, request: HttpRequest, entry_id: int) -> HttpResponse:
        return self.page("cms/audit/entry.html", {"entry": audit.entry_for_staff(entry_id)})
