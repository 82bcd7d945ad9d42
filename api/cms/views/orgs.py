"""Organizations, and who belongs to them."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from api.apis.orgs import selectors as orgs
from api.cms.forms.orgs import OrganizationSearchForm
from api.cms.lists import Column, ListPage
from api.cms.pages import Pager, StaffPage
from api.platform.keyset import Cursor, Page


class OrganizationsView(ListPage):
    """All organizations by pages, newest first; with `q` those whose slug begins with it, by slug."""

    section = name = "orgs"
    needs = "orgs.read"
    title = _("Organizations")
    form_class = OrganizationSearchForm
    columns = (
        Column("name", _("Organization"), "organization", is_personal=True),  # that of a person bears their name
        Column("slug", _("Slug"), "mono"),
        Column("kind", _("Kind")),
        Column("owner__username", _("Owner"), "organization_owner", is_personal=True),
        Column("created_at", _("Created"), "time"),
        Column("updated_at", _("Last changed"), "time", is_usual=False),
        Column("id", _("Id"), "mono", is_usual=False),
    )
    nothing = _("No organizations yet: everybody who signs up in the app gets a personal one.")
    nothing_fits = _("No organization's slug begins like this. Check the spelling, or type less of it.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return orgs.organizations_for_staff(
            text=filters.get("q", ""), kind=filters.get("kind", ""), cursor=cursor, limit=limit
        )


class OrganizationView(StaffPage):
    section = "orgs"
    needs = "orgs.read"

    def get(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        pager = Pager(request, "members", organization_id)
        page = orgs.members_for_staff(organization_id, cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        context = {"organization": orgs.organization_for_staff(organization_id), "members": page.rows}
        return self.page("cms/orgs/detail.html", {**context, **pager.links(page)})
