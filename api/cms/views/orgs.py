"""Organizations, and who belongs to them."""

import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from api.apis.orgs import selectors as orgs
from api.cms.forms.orgs import OrganizationSearchForm
from api.cms.pages import Pager, StaffPage


class OrganizationsView(StaffPage):
    """All organizations by pages, newest first; with `q` those whose slug begins with it, by slug."""

    section = "orgs"
    needs = "orgs.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = OrganizationSearchForm(request.GET)
        context = {"form": form, "is_searched": bool(request.GET.get("q", "").strip())}
        if not form.is_valid():
            return self.page("cms/orgs/list.html", {**context, "rows": []})
        text = form.cleaned_data["q"]
        pager = Pager(request, "orgs", text)
        page = orgs.organizations_for_staff(text=text, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/orgs/list.html", {**context, "rows": page.rows, **pager.links(page)})


class OrganizationView(StaffPage):
    section = "orgs"
    needs = "orgs.read"

    def get(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        pager = Pager(request, "members", organization_id)
        page = orgs.members_for_staff(organization_id, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        context = {"organization": orgs.organization_for_staff(organization_id), "members": page.rows}
        return self.page("cms/orgs/detail.html", {**context, **pager.links(page)})
