"""Reading the audit trail: an organization's, for its admins; and everything, for staff."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere
from api.models import ActorKind, ApiKey, AuditEntry, User
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

_OWN_COLUMNS = (
    "id",
    "at",
    "action",
    "outcome",
    "channel",
    "actor_kind",
    "actor_id",
    "on_behalf_of",
    "target_kind",
    "target_id",
    "address",
    "device_id",
    "request_id",
    "changes",
    "reason",
    "times",
)


def entries_of(
    caller: Caller,
    *,
    organization: str,
    filters: Mapping[str, Sequence[Any]],
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of what was done in an organization; `filters` may hold `action`, `target_id`. Rows are in the order in
    which they were written. Raises NotThere, Forbidden.
    """
    organization_id = orgs.organization_id_of(caller, organization, "audit.read")
    chosen = {f"{name}__in": values for name, values in filters.items()}
    rows: Any = AuditEntry.objects.filter(organization_id=organization_id, **chosen).values(*_OWN_COLUMNS)
    page = page_of(rows, order=[Order("id", sort[-1][1])], cursor=cursor, limit=limit, wants_total=wants_total)
    names = _names({row["actor_id"] for row in page.rows})
    return page._replace(rows=[_told(row, names) for row in page.rows])


def _told(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    told = {**row, "actor": names.get(row["actor_id"])}
    if row["actor_kind"] == ActorKind.STAFF:
        told |= {"actor": None, "actor_id": "", "address": None, "reason": ""}
    return told


def _names(actor_ids: set[str]) -> dict[str, str]:
    keys = ApiKey.objects.filter(id__in=[key for actor_id in actor_ids if (key := as_uuid(actor_id))])
    return {**_usernames(actor_ids), **{str(key): name for key, name in keys.values_list("id", "name")}}


# For staff: not narrowed to a caller. Only the CMS may ask.

_COLUMNS = (
    "id",
    "at",
    "action",
    "outcome",
    "channel",
    "actor_kind",
    "actor_id",
    "address",
    "changes",
    "reason",
    "times",
)


def latest_entries_for_staff(
    *, target_kind: str, target_id: uuid.UUID, session_ids: Iterable[uuid.UUID] = (), limit: int
) -> list[dict[str, Any]]:
    """The last entries about a thing and about the few sessions that are named, and of what it did itself, newest first.

    `changes` becomes a list of (field, before, after); `actor_name` is the username of an actor who is a person.
    """
    about = AuditEntry.objects.filter(target_kind=target_kind, target_id=str(target_id))
    sessions = AuditEntry.objects.filter(target_kind="session", target_id__in=[str(key) for key in session_ids])
    by = AuditEntry.objects.filter(actor_id=str(target_id))
    # One after the other: each is a range of an index, which OR would not be.
    parts = (rows.order_by("-id").values(*_COLUMNS)[:limit] for rows in (about, sessions, by))
    found = {row["id"]: row for part in parts for row in part}
    latest = [found[key] for key in sorted(found, reverse=True)[:limit]]
    _complete(latest)
    return latest


def _usernames(actor_ids: set[str]) -> dict[str, str]:
    people = User.objects.filter(id__in=[key for actor_id in actor_ids if (key := as_uuid(actor_id))])
    return {str(key): username for key, username in people.values_list("id", "username")}


_TIMELINE_COLUMNS = (*_COLUMNS, "target_kind", "target_id", "organization_id", "request_id")


def entries_for_staff(filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
    """A page of the whole trail, newest first. `filters` may hold columns with the one value wanted, and `since` and
    `until` (days, both included).
    """
    exact = {name: value for name, value in filters.items() if name not in ("since", "until")}
    rows = AuditEntry.objects.filter(**exact).values(*_TIMELINE_COLUMNS)
    if filters.get("since"):
        rows = rows.filter(at__gte=_midnight(filters["since"]))
    if filters.get("until"):
        rows = rows.filter(at__lt=_midnight(filters["until"]) + timedelta(days=1))
    page = page_of(rows, order=[Order("id", True)], cursor=cursor, limit=limit)
    _complete(page.rows)
    return page


def entries_of_request_for_staff(request_id: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` entries that one request has left, newest first."""
    rows = AuditEntry.objects.filter(request_id=request_id).order_by("-id").values(*_TIMELINE_COLUMNS)[:limit]
    found: list[dict[str, Any]] = [{**row} for row in rows]
    _complete(found)
    return found


def entry_for_staff(entry_id: int) -> dict[str, Any]:
    """One entry, with what was before and after. Raises NotThere."""
    columns = (*_TIMELINE_COLUMNS, "on_behalf_of", "device_id", "number")
    row: dict[str, Any] | None = AuditEntry.objects.filter(id=entry_id).values(*columns).first()
    if row is None:
        raise NotThere
    _complete([row])
    return row


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _complete(rows: list[dict[str, Any]]) -> None:
    """Adds what people read: names of actors, and changes as (field, before, after)."""
    names = _usernames({row["actor_id"] for row in rows})
    for row in rows:
        row["actor_name"] = names.get(row["actor_id"], "")
        row["changes"] = [(field, *change) for field, change in row["changes"].items()]
        row["details"] = "; ".join(
            [row["reason"]] * bool(row["reason"]) + [_spelled(*change) for change in row["changes"]]
        )


def _spelled(field: str, before: object, after: object) -> str:
    """A change in a line of a table."""
    return f"{field}: {before} → {after}" if before is not None else f"{field}: {after}"
