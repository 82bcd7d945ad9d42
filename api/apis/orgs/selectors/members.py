"""Reading the members of an organization: whoever belongs to it sees who else does, by username and role."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from api.apis.orgs.selectors.permissions import organization_id_of
from api.exceptions import NotThere
from api.models import Membership
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Order, Page, page_of

MEMBER_SORTS = {"joined_at": "created_at", "username": "user__username_identity"}
_COLUMNS = ("id", "user__username", "user__username_identity", "role", "created_at")


def members_of(
    caller: Caller,
    *,
    organization: str,
    filters: Mapping[str, Sequence[Any]],
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of an organization's members; `filters` may hold `role`. Raises NotThere, Forbidden."""
    rows = _members(organization_id_of(caller, organization, "members.read"))
    if "role" in filters:
        rows = rows.filter(role__in=filters["role"])
    order = [*(Order(MEMBER_SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    page = page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_told(row) for row in page.rows])


def member_of(caller: Caller, *, organization: str, username: str) -> dict[str, Any]:
    """One member. Raises NotThere, Forbidden."""
    row = _members(organization_id_of(caller, organization, "members.read")).filter(**named(username)).first()
    if row is None:
        raise NotThere
    return _told(row)


def named(username: str) -> dict[str, str]:
    """The filter of memberships by username. Raises NotThere for what nobody can be called."""
    identity = identity_of(username)
    if len(identity.encode()) > IDENTITY_MAX_BYTES or "\x00" in identity:
        raise NotThere
    return {"user__username_identity": identity}


def _members(organization_id: uuid.UUID) -> "QuerySet[Membership, dict[str, Any]]":
    rows: QuerySet[Membership, dict[str, Any]] = Membership.objects.filter(organization_id=organization_id).values(
        *_COLUMNS
    )
    return rows


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"username": row["user__username"], "role": row["role"], "joined_at": row["created_at"]}
