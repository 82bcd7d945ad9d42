"""Reading organizations for staff: not narrowed to a caller. Only the CMS may ask."""

import uuid
from typing import Any

from django.db.models import QuerySet

from api.exceptions import NotThere
from api.models import Invitation, InvitationState, Membership, Organization, OrganizationKind, Role
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.search import prefix_range

_STAFF_COLUMNS = ("id", "slug", "name", "kind", "owner_id", "owner__username", "version", "created_at", "updated_at")


def _present() -> "QuerySet[Organization]":
    """Without those that are deleted, and wait to be erased."""
    return Organization.objects.filter(deleted_at=None)


KINDS = OrganizationKind.choices
ROLES = Role.choices


def organizations_for_staff(*, text: str = "", kind: str = "", cursor: Cursor | None, limit: int) -> Page:
    """A page of all organizations, or of a kind, newest first; or of those whose slug begins with `text`, by slug; or
    the one with this id.
    """
    rows = _present().values(*_STAFF_COLUMNS)
    if kind:
        rows = rows.filter(kind=kind)
    if not text:
        return _named(page_of(rows, order=[Order("created_at", True), Order("id", True)], cursor=cursor, limit=limit))
    key = as_uuid(text.lower())
    if key is not None:
        return _named(Page(list(rows.filter(id=key)), None, None, None))
    first, behind = prefix_range(identity_of(text))
    if len(behind.encode()) > IDENTITY_MAX_BYTES:
        return Page([], None, None, None)
    rows = rows.filter(slug__gte=first, slug__lt=behind)
    return _named(page_of(rows, order=[Order("slug", False)], cursor=cursor, limit=limit))


def organization_for_staff(organization_id: uuid.UUID) -> dict[str, Any]:
    """Raises NotThere."""
    row = _present().filter(id=organization_id).values(*_STAFF_COLUMNS).first()
    if row is None:
        raise NotThere
    return {**_with_names(row), "is_personal": row["kind"] == OrganizationKind.PERSONAL}


def members_for_staff(organization_id: uuid.UUID, *, cursor: Cursor | None, limit: int) -> Page:
    """A page of an organization's members with their roles, in the order in which they joined."""
    columns = ("id", "role", "created_at", "user_id", "user__username", "user__email", "user__is_active")
    rows = Membership.objects.filter(organization_id=organization_id).values(*columns)
    return _named(page_of(rows, order=[Order("id", False)], cursor=cursor, limit=limit))


def member_for_staff(organization_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, Any]:
    """Somebody's membership, with the role's code. Raises NotThere."""
    columns = ("role", "user_id", "user__username", "organization__name", "organization__slug")
    row = Membership.objects.filter(organization_id=organization_id, user_id=user_id).values(*columns).first()
    if row is None:
        raise NotThere
    return {**row}


def invitations_for_staff(organization_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` invitations that are pending, newest first, those whose time is over too."""
    columns = ("id", "email", "role", "invited_by__username", "sent_at", "expires_at")
    rows = Invitation.objects.filter(organization_id=organization_id, state=InvitationState.PENDING)
    return [_with_names(row) for row in rows.order_by("-created_at", "-id").values(*columns)[:limit]]


def invitation_by_id_for_staff(invitation_id: uuid.UUID) -> dict[str, Any] | None:
    """To which group an invitation is."""
    rows = Invitation.objects.filter(id=invitation_id).values("id", "organization_id", "organization__name")
    row = rows.first()
    return {**row} if row else None


def memberships_for_staff(user_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` organizations of a person, with the role there."""
    columns = ("role", "created_at", "organization_id", "organization__name", "organization__kind")
    rows = Membership.objects.filter(user_id=user_id).order_by("id").values(*columns)[:limit]
    return [_with_names(row) for row in rows]


def _named(page: Page) -> Page:
    return page._replace(rows=[_with_names(row) for row in page.rows])


def _with_names(row: dict[str, Any]) -> dict[str, Any]:
    """A row with names for people in place of codes."""
    coded = {"kind": OrganizationKind, "organization__kind": OrganizationKind, "role": Role}
    return {column: coded[column](value).label if column in coded else value for column, value in row.items()}
