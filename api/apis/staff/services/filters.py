"""Keeping what staff work with, and noting what they take away."""

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from api.apis.staff.selectors import FILTERS_MAX
from api.exceptions import ApiError, NotThere
from api.models import FilterScope, SavedFilter, User
from api.platform import audit
from api.platform.callers import Caller
from api.platform.transactions import transactional


class TooManyFilters(ApiError):
    """One person keeps fifty filters at most."""

    status = HTTPStatus.CONFLICT
    code = "too_many_filters"
    title = "Too many filters are saved"
    detail = "Delete one of them first."


@transactional
def save_filter(caller: Caller, *, list_name: str, name: str, querystring: str, scope: str) -> None:
    """Keeps a filter behind those that its owner has; one of the same list and name is replaced. Raises TooManyFilters."""
    assert caller.user_id is not None
    User.objects.select_for_update().get(id=caller.user_id)  # two at once are counted one after the other
    mine = SavedFilter.objects.filter(owner_id=caller.user_id)
    if mine.filter(list=list_name, name=name).update(querystring=querystring, scope=scope):
        return
    places = list(mine.values_list("position", flat=True)[:FILTERS_MAX])
    if len(places) >= FILTERS_MAX:
        raise TooManyFilters
    made = SavedFilter.objects.create(
        owner_id=caller.user_id,
        list=list_name,
        name=name,
        querystring=querystring,
        scope=FilterScope(scope),
        position=max(places, default=0) + 1,
    )
    audit.record(caller, "staff.filter_saved", target_kind="saved_filter", target_id=made.id)


@transactional
def move_filter(caller: Caller, *, filter_id: uuid.UUID, step: int) -> None:
    """Moves one of the caller's filters by a step among them, up (-1) or down (1). Raises NotThere."""
    mine = list(SavedFilter.objects.select_for_update().filter(owner_id=caller.user_id).order_by("position", "id"))
    place = next((index for index, kept in enumerate(mine) if kept.id == filter_id), None)
    if place is None:
        raise NotThere
    mine.insert(min(max(place + step, 0), len(mine) - 1), mine.pop(place))
    for position, kept in enumerate(mine, start=1):
        kept.position = position
    SavedFilter.objects.bulk_update(mine, ["position"])


@transactional
def delete_filter(caller: Caller, *, filter_id: uuid.UUID) -> None:
    """Deletes one of the caller's filters; harmless when repeated."""
    if SavedFilter.objects.filter(id=filter_id, owner_id=caller.user_id).delete()[0]:
        audit.record(caller, "staff.filter_deleted", target_kind="saved_filter", target_id=filter_id)


@transactional
def record_table(caller: Caller, *, name: str, filters: Mapping[str, str], columns: Sequence[str]) -> None:
    """Notes that somebody takes a list away as a table: which one, narrowed how, with which columns."""
    changes = {"filters": [None, dict(filters)], "columns": [None, list(columns)]}
    audit.record(caller, "staff.list_exported", target_kind="list", target_id=name, changes=changes)
