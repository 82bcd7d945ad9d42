"""Reading API keys: an organization's, for those who manage them. Never the keys themselves."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere
from api.models import ApiKey
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

SORTS = {"created_at": "created_at"}
_COLUMNS = (
    "id",
    "name",
    "prefix",
    "scopes",
    "holder__username",
    "successor_id",
    "created_at",
    "expires_at",
    "last_used_at",
    "last_used_address",
)


def keys_of(
    caller: Caller,
    *,
    organization: str,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of the keys of an organization that were not revoked. Raises NotThere, Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "api_keys.manage")
    rows: Any = _present().filter(organization_id=organization_id).values(*_COLUMNS)
    order = [*(Order(SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    page = page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_told(row) for row in page.rows])


def key_ids(caller: Caller, *, organization: str, name: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The ids of a key that was not revoked and of its organization, whose keys the caller manages.

    Raises NotThere, Forbidden.
    """
    organization_id = orgs.organization_id_of(caller, organization, "api_keys.manage")
    key = as_uuid(name)
    rows = _present().filter(organization_id=organization_id).values_list("id", flat=True)
    row = rows.filter(id=key).first() if key else None
    if row is None:
        raise NotThere
    return row, organization_id


def stored_key(key_id: uuid.UUID) -> dict[str, Any]:
    """A key that a service has just made for its caller."""
    return _told(ApiKey.objects.values(*_COLUMNS).get(id=key_id))


def _present() -> "QuerySet[ApiKey]":
    return ApiKey.objects.filter(revoked_at=None)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {column: row[column] for column in _COLUMNS if column not in {"holder__username", "successor_id"}}
    return {**told, "holder": row["holder__username"], "is_rotated": row["successor_id"] is not None}


# For staff: not narrowed to a caller. Only the CMS may ask.


def keys_for_staff(organization_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` keys of an organization that were not revoked, newest first."""
    rows = _present().filter(organization_id=organization_id).order_by("-created_at", "-id")
    return [_told(row) for row in rows.values(*_COLUMNS)[:limit]]


def key_by_id_for_staff(key_id: uuid.UUID) -> dict[str, Any] | None:
    """Whose a key is, and what it is called; revoked or not."""
    columns = ("id", "name", "prefix", "organization_id", "organization__name")
    row = ApiKey.objects.filter(id=key_id).values(*columns).first()
    return {**row} if row else None
