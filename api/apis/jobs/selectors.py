"""Reading background work: the caller's own jobs, and for staff how the outbox does."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone

from api.exceptions import NotThere
from api.models import Job, OutboxMessage
from api.platform import outbox
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.jobs import COLUMNS
from api.platform.keyset import Cursor, Order, Page, page_of

SORTS = {"created_at": "created_at"}


def jobs_of(
    caller: Caller,
    *,
    sort: tuple[tuple[str, bool], ...],
    cursor: Cursor | None,
    limit: int,
    wants_total: bool,
) -> Page:
    """A page of the caller's jobs; those that ended stay for thirty days."""
    order = [*(Order(SORTS[name], is_descending) for name, is_descending in sort), Order("id", sort[-1][1])]
    assert caller.user_id is not None
    rows: Any = Job.objects.filter(owner_id=caller.user_id).values(*COLUMNS)
    page = page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_as_told(row) for row in page.rows])


def job_of(caller: Caller, name: str) -> dict[str, Any]:
    """One of the caller's jobs, by its id. Raises NotThere."""
    assert caller.user_id is not None
    job_id = as_uuid(name)
    row = Job.objects.filter(id=job_id, owner_id=caller.user_id).values(*COLUMNS).first() if job_id else None
    if row is None:
        raise NotThere
    return _as_told(row)


def _as_told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "error": row["error"] or None}


# For staff: not narrowed to a caller. Only the CMS may ask.


class OutboxNumbers(NamedTuple):
    waiting: int  # also those that will be tried again
    failed: int  # given up


def outbox_numbers_for_staff(*, most: int) -> OutboxNumbers:
    """How many messages are where, counted up to `most`."""
    unfinished = OutboxMessage.objects.filter(done_at=None)
    return OutboxNumbers(
        waiting=unfinished.filter(due_at__isnull=False)[:most].count(),
        failed=unfinished.filter(failed_at__isnull=False)[:most].count(),
    )


MESSAGE_STATES = ("failed", "waiting", "running", "done")
_MESSAGE_COLUMNS = (
    "id",
    "task",
    "created_at",
    "due_at",
    "lease",
    "attempts",
    "last_error",
    "done_at",
    "failed_at",
    "request_id",
    "job_id",
    "job__type",
    "job__state",
    "job__progress",
    "job__error",
    "job__subject_id",
    "job__owner_id",
    "job__owner__username",
)


def messages_for_staff(*, state: str = "", cursor: Cursor | None, limit: int) -> Page:
    """A page of the outbox, newest first: all of it, or what is in one of MESSAGE_STATES by when it came into it."""
    is_running = Q(lease__isnull=False, due_at__gt=timezone.now())
    chosen = {
        "": Q(),
        "failed": Q(done_at=None, failed_at__isnull=False),
        "waiting": Q(done_at=None, due_at__isnull=False) & ~is_running,
        "running": Q(done_at=None) & is_running,
        "done": Q(done_at__isnull=False),
    }[state]
    rows = OutboxMessage.objects.filter(chosen).values(*_MESSAGE_COLUMNS)
    moment = {"failed": "failed_at", "waiting": "due_at", "running": "due_at", "done": "done_at"}.get(state)
    order = [*([Order(moment, True)] if moment else []), Order("id", True)]  # each state has an index by its moment
    page = page_of(rows, order=order, cursor=cursor, limit=limit)
    return page._replace(rows=[_with_state(row) for row in page.rows])


def message_for_staff(message_id: uuid.UUID) -> dict[str, Any]:
    """A message with its arguments, which hold ids and no secrets. Raises NotThere."""
    row = (
        OutboxMessage.objects.filter(id=message_id)
        .values(*_MESSAGE_COLUMNS, "arguments", "dedup_key", "job__result")
        .first()
    )
    if row is None:
        raise NotThere
    return _with_state(row)


def messages_of_for_staff(text: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` messages: the one with this id, that of the job with this id, or those that a request has written."""
    key = as_uuid(text.lower())
    by = [Q(request_id=text), *([Q(id=key), Q(job_id=key)] if key else [])]
    rows = OutboxMessage.objects.order_by("-id").values(*_MESSAGE_COLUMNS)
    # One after the other: each is looked up in its own index.
    found = {row["id"]: _with_state(row) for chosen in by for row in rows.filter(chosen)[:limit]}
    return list(found.values())[:limit]


def message_names_for_staff(message_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The tasks of messages by their ids."""
    return dict(OutboxMessage.objects.filter(id__in=message_ids).values_list("id", "task"))


def backlog_for_staff() -> outbox.Backlog:
    """What is due and has not been taken up, and what has failed for good."""
    return outbox.backlog()


class Scheduled(NamedTuple):
    """A task of the timetable, and when it last ended; None if that is longer ago than two of its turns."""

    task: str
    seconds: int
    ended_at: datetime | None


def schedule_for_staff(schedule: Mapping[str, int]) -> list[Scheduled]:
    """The timetable with the last run of each task: looked for in the present slot and the two before it."""
    now = int(timezone.now().timestamp())
    slots = {f"schedule:{name}:{now // every - back}": name for name, every in schedule.items() for back in range(3)}
    ended = OutboxMessage.objects.filter(dedup_key__in=slots, done_at__isnull=False).order_by("done_at")
    last = {slots[key]: at for key, at in ended.values_list("dedup_key", "done_at") if key}
    return [Scheduled(name, every, last.get(name)) for name, every in sorted(schedule.items())]


def _with_state(row: dict[str, Any]) -> dict[str, Any]:
    """A row with which of MESSAGE_STATES it is in."""
    if row["done_at"] is not None:
        state = "done"
    elif row["failed_at"] is not None:
        state = "failed"
    else:
        state = "running" if row["lease"] is not None and row["due_at"] > timezone.now() else "waiting"
    return {**row, "state": state}
