"""The audit trail as a timeline."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from api.apis.audit import selectors as audit
from api.cms.forms.audit import AuditSearchForm
from api.cms.pages import Pager, StaffPage


class AuditView(StaffPage):
    section = "audit"
    needs = "audit.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = AuditSearchForm(request.GET)
        context = {"form": form, "is_searched": any(request.GET.get(name) for name in form.fields)}
        if not form.is_valid():
            return self.page("cms/audit/list.html", {**context, "entries": []})
        filters = {name: value for name, value in form.cleaned_data.items() if value}
        pager = Pager(request, "audit", *sorted(filters.items()))
        page = audit.entries_for_staff(filters, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/audit/list.html", {**context, "entries": page.rows, **pager.links(page)})
