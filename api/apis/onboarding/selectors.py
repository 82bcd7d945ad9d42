"""Reading devices, for staff: nothing here is narrowed to a caller, and only the CMS may ask."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from api.exceptions import NotThere
from api.models import AppKey, AppVersion, Device, Platform
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

PLATFORMS = Platform.choices

# Status -> what it asks of a device.
_STATUSES = {
    "active": Q(revoked_at=None, activated_at__isnull=False),
    "never-used": Q(revoked_at=None, activated_at=None),
    "revoked": Q(revoked_at__isnull=False),
}
DEVICE_STATUSES = tuple(_STATUSES)

_LIST_COLUMNS = (
    "id",
    "name",
    "model",
    "platform",
    "app_version",
    "os_version",
    "activated_at",
    "last_seen_at",
    "revoked_at",
    "created_at",
    "live_session__user_id",
    "live_session__user__username",
)
_COLUMNS = (
    *_LIST_COLUMNS,
    "install_id",
    "app_key__key_id",
    "algorithm",
    "generation",
    "next_algorithm",
    "rekey_requested_at",
    "build",
    "trust",
    "locale",
    "time_zone",
    "region",
    "last_address",
    "revoked_by_id",
    "revoked_by__username",
    "revocation_reason",
)


def devices_for_staff(
    *, text: str = "", platform: str = "", status: str = "", cursor: Cursor | None, limit: int
) -> Page:
    """A page of the devices, newest first (those that were revoked, by when): the one that `text` names, or all of a
    platform and a status.

    `text` is a device's id, its installation's id, or the id of its key (`dev:<id>:<generation>`).
    """
    rows = Device.objects.values(*_LIST_COLUMNS)
    if text:
        key = as_uuid(text.lower().removeprefix("dev:")[:36])
        found = rows.filter(Q(id=key) | Q(install_id=key)) if key else []
        return Page([_listed(row) for row in found], None, None, None)
    if platform:
        rows = rows.filter(platform=platform)
    if status:
        rows = rows.filter(_STATUSES[status])
    moment = "revoked_at" if status == "revoked" else "created_at"
    page = page_of(rows, order=[Order(moment, True), Order("id", True)], cursor=cursor, limit=limit)
    return page._replace(rows=[_listed(row) for row in page.rows])


def devices_at_for_staff(address: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` devices that were last seen at an address of the network, the newest first."""
    rows = Device.objects.filter(last_address=address).order_by("-id").values(*_LIST_COLUMNS)[:limit]
    return [_listed(row) for row in rows]


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the platform's name in place of its code."""
    return {**row, "platform": Platform(row["platform"]).label}


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """A device's row with `status`, one of DEVICE_STATUSES."""
    if row["revoked_at"] is not None:
        status = "revoked"
    else:
        status = "active" if row["activated_at"] is not None else "never-used"
    return {**_named(row), "status": status}


def device_for_staff(device_id: uuid.UUID) -> dict[str, Any]:
    """A device without its keys. Raises NotThere."""
    row = Device.objects.filter(id=device_id).values(*_COLUMNS).first()
    if row is None:
        raise NotThere
    return _named(row)


def device_names_for_staff(device_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What devices are called, by their ids."""
    rows = Device.objects.filter(id__in=device_ids).values_list("id", "name", "model")
    return {key: name or model or str(key) for key, name, model in rows}


def app_keys_for_staff() -> list[dict[str, Any]]:
    """The keys that let builds register, newest first, without their secrets; each release adds one, so all of them."""
    columns = (
        "key_id",
        "platform",
        "status",
        "minimum_build",
        "maximum_build",
        "registrations_per_minute",
        "created_at",
    )
    return [_named({**row}) for row in AppKey.objects.order_by("-created_at").values(*columns)]


def app_key_for_staff(key_id: str) -> dict[str, Any]:
    """Raises NotThere."""
    row = AppKey.objects.filter(key_id=key_id).values("key_id", "platform", "status").first()
    if row is None:
        raise NotThere
    return _named({**row})


def app_versions_for_staff() -> list[dict[str, Any]]:
    """Each platform with what was said of its app, if anything was."""
    columns = ("minimum_version", "latest_version", "store_url", "notice", "updated_at")
    rows = {row["platform"]: row for row in AppVersion.objects.values("platform", *columns)}
    return [{"code": code, "platform": name, **_without("platform", rows.get(code, {}))} for code, name in PLATFORMS]


def app_version_for_staff(platform: str) -> dict[str, Any]:
    """What is served of a platform's app, with the platform's `name`. Raises NotThere."""
    for row in app_versions_for_staff():
        if row["code"] == platform:
            return {**row, "name": row["platform"]}
    raise NotThere


def _without(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
