"""Reading the devices on which a person is signed in, or was within the last thirty days."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from api.exceptions import NotThere
from api.models import EndReason, Session
from api.platform import places
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

SORTS = {"signed_in_at": "created_at"}

_COLUMNS = (
    "id",
    "user_id",
    "device_id",
    "live_device_id",
    "created_at",
    "refreshed_at",
    "superseded_at",
    "address",
    "ended_at",
    "end_reason",
    "ended_by_id",
    "ended_by__is_staff",
    "device_name",
    "app_version",
    "os_version",
    "device__name",
    "device__platform",
    "device__model",
    "device__app_version",
    "device__os_version",
    "device__created_at",
    "device__last_seen_at",
    "device__last_address",
)


def devices_of(
    caller: Caller,
    *,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of the caller's devices, each by the last session of theirs on it; ended ones stay for thirty days."""
    order = [*(Order(SORTS[name], is_descending) for name, is_descending in sort), Order("id", sort[-1][1])]
    page = page_of(_last_sessions(caller), order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_device(caller, row) for row in page.rows])


def device_of(caller: Caller, device: str) -> dict[str, Any]:
    """One of the caller's devices, by its id. Raises NotThere."""
    row = _last_sessions(caller).filter(device=as_uuid(device)).first()
    if row is None:
        raise NotThere
    return _device(caller, row)


def _last_sessions(caller: Caller) -> "QuerySet[Session, dict[str, Any]]":
    """The caller's last session on each device, without those that they have removed."""
    assert caller.user_id is not None
    mine = Session.objects.filter(user_id=caller.user_id, hidden_at=None)
    is_later = Q(created_at__gt=OuterRef("created_at")) | Q(created_at=OuterRef("created_at"), id__gt=OuterRef("id"))
    later = Session.objects.filter(is_later, user_id=caller.user_id, device_id=OuterRef("device_id"))
    last: QuerySet[Session, dict[str, Any]] = mine.exclude(Exists(later)).values(*_COLUMNS)
    return last


def _device(caller: Caller, row: dict[str, Any]) -> dict[str, Any]:
    """What the caller may know: of a device that is theirs no more, nothing from after that."""
    is_live = row["live_device_id"] is not None
    # Somebody else has signed in on the device: their session took this one's place, which is ended a little later.
    is_replaced = not is_live and row["ended_at"] is None
    address = row["device__last_address"] if is_live else row["address"]
    return {
        "id": row["device_id"],
        "name": row["device__name" if is_live else "device_name"],
        "platform": row["device__platform"],
        "model": row["device__model"],
        "app_version": row["device__app_version" if is_live else "app_version"],
        "os_version": row["device__os_version" if is_live else "os_version"],
        "place": places.place_of(address),
        "address": address,
        "created_at": row["device__created_at"],
        "last_seen_at": max(row["created_at"], row["device__last_seen_at" if is_live else "refreshed_at"]),
        "is_current": row["device_id"] == caller.device_id,
        "session": {
            "signed_in_at": row["created_at"],
            "ended_at": row["superseded_at"] if is_replaced else row["ended_at"],
            "end_reason": EndReason.REPLACED if is_replaced else row["end_reason"] or None,
            "ended_by": None if is_live else _ended_by(row),
        },
    }


def _ended_by(row: dict[str, Any]) -> str:
    if row["ended_by_id"] is None:
        return "server"
    if row["ended_by_id"] == row["user_id"]:
        return "you"
    return "staff" if row["ended_by__is_staff"] else "somebody_else"
