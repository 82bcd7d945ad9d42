"""Reading what staff have kept to work with."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from api.exceptions import NotThere
from api.models import BulkChange, Figure, FilterScope, SavedFilter, Span
from api.platform.callers import Caller

_FILTER_COLUMNS = ("id", "list", "name", "querystring", "scope", "owner_id", "owner__username")
FILTERS_MAX = 50  # of one owner
SCOPES = FilterScope.choices


def saved_filters(caller: Caller, *, list_name: str) -> list[dict[str, Any]]:
    """The filters of a list that the caller sees: their own in their order, then those of others for everybody."""
    theirs = Q(owner_id=caller.user_id) | Q(scope=FilterScope.EVERYONE)
    rows = SavedFilter.objects.filter(theirs, list=list_name).values(*_FILTER_COLUMNS, "position")
    return sorted(rows, key=lambda row: (row["owner_id"] != caller.user_id, row["position"], row["name"]))[:FILTERS_MAX]


def own_filters(user_id: uuid.UUID | None) -> list[dict[str, Any]]:
    """All filters of one person, in their order."""
    return list(
        SavedFilter.objects.filter(owner_id=user_id).order_by("position", "id").values(*_FILTER_COLUMNS)[:FILTERS_MAX]
    )


def bulk_change(caller: Caller, bulk_id: uuid.UUID) -> dict[str, Any]:
    """How far a bulk change has come, for whoever has begun it and for who may look at background work. Raises NotThere."""
    columns = ("id", "verb", "reason", "total", "done", "refused", "refusals", "created_at", "job__owner_id")
    told = {"state": F("job__state"), "error": F("job__error"), "ended_at": F("job__ended_at")}
    row: dict[str, Any] | None = BulkChange.objects.filter(id=bulk_id).values(*columns, **told).first()
    if row is None or not (row["job__owner_id"] == caller.user_id or "outbox.read" in caller.duties):
        raise NotThere
    return row


def figures(*, is_hourly: bool, since: datetime) -> dict[str, dict[datetime, int]]:
    """The numbers of the dashboard by metric, by hours or by days from `since` on. Whatever was not counted is absent."""
    span = Span.HOUR if is_hourly else Span.DAY
    found: dict[str, dict[datetime, int]] = {}
    for metric, at, value in Figure.objects.filter(span=span, at__gte=since).values_list("metric", "at", "value"):
        found.setdefault(metric, {})[at] = value
    return found
