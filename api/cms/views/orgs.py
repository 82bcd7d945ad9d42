"""Organizations, and who belongs to them."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from api.apis.api_keys import selectors as api_keys
from api.apis.audit import selectors as audit
from api.apis.contacts import selectors as contacts
from api.apis.export import selectors as export
from api.apis.orgs import selectors as orgs
from api.apis.tags import selectors as tags
from api.cms.forms.orgs import OrganizationSearchForm
from api.cms.lists import Column, ListPage
from api.cms.pages import Pager, StaffPage
from api.platform.keyset import Cursor, Page

_PART_LIMIT = 20  # rows of each part of a detail page


class OrganizationsView(ListPage):
    """All organizations by pages, newest first; with `q` those whose slug begins with it, by slug."""

    section = name = "orgs"
    needs = "orgs.read"
    title = _("Organizations")
    template = "cms/orgs/list.html"
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
        context = {
            "organization": orgs.organization_for_staff(organization_id),
            "members": page.rows,
            "invitations": orgs.invitations_for_staff(organization_id, limit=_PART_LIMIT),
            "keys": api_keys.keys_for_staff(organization_id, limit=_PART_LIMIT),
            "exports": export.exports_for_staff(export.Place(organization_id, None), limit=_PART_LIMIT),
            "entries": audit.latest_entries_for_staff(
                target_kind="organization", target_id=organization_id, limit=_PART_LIMIT
            ),
        }
        return self.page("cms/orgs/detail.html", {**context, **pager.links(page)})


class _PartOfOrganization(ListPage):
    """What an organization holds, to be looked at."""

    section = "orgs"
    needs = "contacts.read"
    template = "cms/orgs/part.html"
    can_be_saved = False

    def _frame(self, form: Form | None, page: Page) -> dict[str, Any]:
        return {**super()._frame(form, page), "organization": self.organization}

    @cached_property
    def organization(self) -> dict[str, Any]:
        """Raises NotThere."""
        return orgs.organization_for_staff(self.kwargs["organization_id"])


class ContactsView(_PartOfOrganization):
    name = "contacts"
    title = _("Contacts")
    columns = (
        Column("display_name", _("Contact"), is_personal=True),
        Column("company", _("Company"), is_personal=True),
        Column("emails", _("E-mail address"), is_personal=True),
        Column("phone_numbers", _("Telephone"), is_personal=True),
        Column("created_at", _("Created"), "time"),
        Column("slug", _("Slug"), "mono", is_usual=False, is_personal=True),
        Column("updated_at", _("Last changed"), "time", is_usual=False),
        Column("id", _("Id"), "mono", is_usual=False),
    )
    nothing = _("No contacts yet: they appear when a member adds them in the app.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return contacts.contacts_for_staff(self.organization["id"], cursor=cursor, limit=limit)


class TagsView(_PartOfOrganization):
    name = "tags"
    title = _("Tags")
    columns = (
        Column("name", _("Tag")),
        Column("slug", _("Slug"), "mono"),
        Column("color", _("Colour"), "mono"),
        Column("created_at", _("Created"), "time"),
        Column("updated_at", _("Last changed"), "time", is_usual=False),
    )
    nothing = _("No tags yet: they appear when a member makes them in the app.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        return tags.tags_for_staff(self.organization["id"], cursor=cursor, limit=limit)
