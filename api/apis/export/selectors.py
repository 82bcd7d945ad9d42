"""Reading exports: an organization's, for its admins, and one's own."""

import uuid
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from api.apis.orgs import selectors as orgs
from api.exceptions import NotThere, SignInRequired
from api.models import Export, JobState
from api.platform import storage
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of

LINK_SECONDS = 300
SORTS = {"created_at": "created_at"}
_COLUMNS = ("id", "name", "ready_at", "expires_at", "size_bytes", "counts", "created_at")
_JOB = ("type", "state", "progress", "result", "error", "started_at", "ended_at")


class Place(NamedTuple):
    """Whose exports: an organization's or a person's."""

    organization_id: uuid.UUID | None
    person_id: uuid.UUID | None

    @property
    def key(self) -> str:
        """Under which one export is made at a time."""
        return f"export:org:{self.organization_id}" if self.organization_id else f"export:user:{self.person_id}"

    @property
    def filter(self) -> dict[str, uuid.UUID]:
        if self.organization_id is not None:
            return {"organization_id": self.organization_id}
        assert self.person_id is not None
        return {"person_id": self.person_id}


def require_place(caller: Caller, organization: str | None) -> Place:
    """The organization, in which the caller may make exports, or the caller (None). Raises NotThere, Forbidden."""
    if organization is not None:
        return Place(orgs.organization_id_of(caller, organization, "export.create"), None)
    if caller.user_id is None:
        raise SignInRequired
    return Place(None, caller.user_id)


def exports_of(
    caller: Caller,
    *,
    organization: str | None,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of exports, without addresses. Raises NotThere, Forbidden."""
    rows: Any = _rows(require_place(caller, organization))
    order = [*(Order(SORTS[name], is_descending) for name, is_descending in sort), Order("id", sort[-1][1])]
    page = page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_told(row) for row in page.rows])


def export_of(caller: Caller, *, organization: str | None, name: str) -> dict[str, Any]:
    """One export; with an address that is good for five minutes, once its archive is there. Raises NotThere, Forbidden."""
    row = export_row(require_place(caller, organization), name)
    told = {**_told(row), "url": None, "url_expires_at": None}
    if row["ready_at"] is not None and told["state"] == JobState.SUCCESS:
        told["url"] = storage.short_address_of(row["name"], seconds=LINK_SECONDS)
        told["url_expires_at"] = timezone.now() + timedelta(seconds=LINK_SECONDS)
    return told


def export_row(place: Place, name: str) -> dict[str, Any]:
    """Raises NotThere."""
    export_id = as_uuid(name)
    row: dict[str, Any] | None = _rows(place).filter(id=export_id).first() if export_id else None
    if row is None:
        raise NotThere
    return row


def _rows(place: Place) -> Any:
    return Export.objects.filter(**place.filter).values(*_COLUMNS, *(f"job__{name}" for name in _JOB))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    job = {name: row[f"job__{name}"] for name in _JOB}
    if job["state"] is None:  # whose owner was erased
        state = JobState.SUCCESS if row["ready_at"] else JobState.REVOKED
        job |= {"type": "export", "state": state, "progress": 100 if row["ready_at"] else 0}
    shown = ("id", "created_at", "counts", "size_bytes", "expires_at")
    return {**job, "error": job["error"] or None, **{name: row[name] for name in shown}}


# For staff: not narrowed to a caller. Only the CMS may ask.


def exports_for_staff(place: Place, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` exports of an organization or a person that are kept still, newest first, without the archives."""
    columns = ("id", "created_at", "ready_at", "expires_at", "size_bytes", "requester_id", "requester__username")
    rows = Export.objects.filter(**place.filter).order_by("-created_at", "-id")
    return [{**row} for row in rows.values(*columns, "job__state", "job__message__id")[:limit]]
