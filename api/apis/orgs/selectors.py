"""Who may do what in which organization: the only road from a caller to an organization's data."""

import functools
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.conf import settings

from api.exceptions import Forbidden, NotThere
from api.models import Membership, Organization, OrganizationKind, Role
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.search import prefix_range
from api.platform.statements import Rows, statement

_EVERYONE = frozenset(Role.values)
_WORKERS = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER})

# Action -> roles. ORG_PERMISSIONS in the environment replaces single lines.
PERMISSIONS: Mapping[str, frozenset[str]] = {
    "org.read": _EVERYONE,
    "contacts.read": _EVERYONE,
    "contacts.create": _WORKERS,
    "contacts.update": _WORKERS,
    "contacts.delete": _WORKERS,
}


@functools.cache
def permissions_with(overrides: str) -> Mapping[str, frozenset[str]]:
    """The table with the overrides of ORG_PERMISSIONS. Raises ValueError, saying what is wrong with them."""
    given = json.loads(overrides)
    if not isinstance(given, dict):
        raise ValueError("write a JSON object: action -> list of roles")
    for action, roles in given.items():
        if action not in PERMISSIONS:
            raise ValueError(f"there is no action {action}")
        if not isinstance(roles, list) or not all(role in _EVERYONE for role in roles):
            raise ValueError(f"{action} takes a list of {', '.join(sorted(_EVERYONE))}")
    return {**PERMISSIONS, **{action: frozenset(roles) for action, roles in given.items()}}


def permitted_roles(action: str) -> Collection[str]:
    return permissions_with(settings.ORG_PERMISSIONS)[action]


def organizations_permitting(caller: Caller, action: str) -> list[uuid.UUID]:
    """The organizations in which the caller may do `action`."""
    roles = permitted_roles(action)
    return [key for key, member in caller.memberships.items() if member.role in roles]


def require_permission(caller: Caller, organization_id: uuid.UUID, action: str) -> None:
    """Raises NotThere for somebody else's organization, Forbidden for a member whose role does not do."""
    member = caller.memberships.get(organization_id)
    if member is None:
        raise NotThere
    if member.role not in permitted_roles(action):
        raise Forbidden


def organization_id_of(caller: Caller, name: str, action: str) -> uuid.UUID:
    """The id of the organization that `name` (slug or UUID) means, in which the caller may do `action`.

    Raises NotThere, Forbidden.
    """
    key = as_uuid(name)
    matching = (own for own, member in caller.memberships.items() if own == key or member.slug == name)
    organization_id = next(matching, None)
    if organization_id is None:
        raise NotThere
    require_permission(caller, organization_id, action)
    return organization_id


def personal_organization_id(caller: Caller) -> uuid.UUID:
    """Raises NotThere for a caller without one."""
    organization_id = next((key for key, member in caller.memberships.items() if member.is_own), None)
    if organization_id is None:
        raise NotThere
    return organization_id


def personal_organization_of(user_id: uuid.UUID) -> uuid.UUID:
    """The organization that everybody has of their own, for services that act on behalf of a person."""
    return Organization.objects.values_list("id", flat=True).get(personal_of_id=user_id)


_COLUMNS = ("id", "slug", "name", "kind", "owner__username", "created_at", "updated_at")
SORTS = {"name": "name", "created_at": "created_at"}


def organizations_of(
    caller: Caller, *, sort: tuple[tuple[str, bool], ...], cursor: Cursor | None, limit: int, wants_total: bool
) -> Page:
    """A page of the caller's organizations, each row with the caller's `role`."""
    rows = _organizations(organizations_permitting(caller, "org.read"))
    order = [*(Order(SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    page = page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_with_role(caller, row) for row in page.rows])


def organization_of(caller: Caller, name: str) -> dict[str, Any]:
    """One of the caller's organizations. Raises NotThere."""
    organization_id = organization_id_of(caller, name, "org.read")
    row = _organizations([organization_id]).first()
    if row is None:
        raise NotThere
    return _with_role(caller, row)


@statement
def _organizations(ids: Sequence[Any]) -> Rows:
    return Organization.objects.filter(id__in=ids).values(*_COLUMNS)


def _with_role(caller: Caller, row: dict[str, Any]) -> dict[str, Any]:
    owner = row.pop("owner__username")
    return {**row, "owner": owner, "role": caller.memberships[row["id"]].role}


# For staff: not narrowed to a caller. Only the CMS may ask.

_STAFF_COLUMNS = ("id", "slug", "name", "kind", "owner_id", "owner__username", "created_at", "updated_at")


def organizations_for_staff(*, text: str = "", cursor: Cursor | None, limit: int) -> Page:
    """A page of all organizations, newest first; or of those whose slug begins with `text`, by slug; or the one with
    this id.
    """
    rows = Organization.objects.values(*_STAFF_COLUMNS)
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
    row = Organization.objects.filter(id=organization_id).values(*_STAFF_COLUMNS).first()
    if row is None:
        raise NotThere
    return _with_names(row)


def members_for_staff(organization_id: uuid.UUID, *, cursor: Cursor | None, limit: int) -> Page:
    """A page of an organization's members with their roles, in the order in which they joined."""
    columns = ("id", "role", "created_at", "user_id", "user__username", "user__email", "user__is_active")
    rows = Membership.objects.filter(organization_id=organization_id).values(*columns)
    return _named(page_of(rows, order=[Order("id", False)], cursor=cursor, limit=limit))


def memberships_for_staff(user_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` organizations of a person, with the role there."""
    columns = ("role", "created_at", "organization_id", "organization__name", "organization__kind")
    rows = Membership.objects.filter(user_id=user_id).order_by("id").values(*columns)[:limit]
    return [_with_names(row) for row in rows]


def number_of_organizations_for_staff(*, most: int) -> int:
    """How many organizations there are, counted up to `most`."""
    return Organization.objects.all()[:most].count()


def _named(page: Page) -> Page:
    return page._replace(rows=[_with_names(row) for row in page.rows])


def _with_names(row: dict[str, Any]) -> dict[str, Any]:
    """A row with names for people in place of codes."""
    coded = {"kind": OrganizationKind, "organization__kind": OrganizationKind, "role": Role}
    return {column: coded[column](value).label if column in coded else value for column, value in row.items()}
