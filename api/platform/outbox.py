"""The outbox: background work is written in the transaction of its cause, claimed with a lease, done at least once.

Whoever runs it (the embedded background process, a Celery worker) claims a message by moving its due time to the end
of a lease; a message whose worker died is simply due again. Tasks are therefore idempotent.

A message may have a job (`api.platform.jobs`), whose state is moved in the transaction in which the message's is.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from api.exceptions import ApiError
from api.models import UNFINISHED_STATES, Job, JobState, OutboxMessage

log = structlog.get_logger(__name__)

LEASE_SECONDS = 300  # longer than any task may run
ATTEMPTS = 10
_BACK_OFF_SECONDS = 5  # of the first retry; doubles, with jitter, to an hour


class WorkersDied(Exception):
    """Each worker that took the message up has died before it could say how that ended."""


class TooLate(Exception):
    """What the message was to do was not done in time, and makes no sense any more: trying again will not help."""


class JobRevoked(Exception):
    """The job was called off while its task was at work: what is left of it need not be done."""


Task = Callable[..., Any]  # what it returns is the result of its job, if the message has one
_tasks: dict[str, Task] = {}


def task(name: str) -> Callable[[Task], Task]:
    """Registers a function as the task `<domain>.<what>`. It takes the message's arguments by keyword."""

    def register(function: Task) -> Task:
        if name in _tasks:
            raise RuntimeError(f"two tasks are named {name}")
        _tasks[name] = function
        return function

    return register


def task_names() -> Sequence[str]:
    return sorted(_tasks)


def enqueue(
    name: str,
    arguments: dict[str, Any] | None = None,
    *,
    dedup_key: str | None = None,
    delay_seconds: int = 0,
    job: Job | None = None,
) -> None:
    """Writes a call of the task `name`; it runs after the transaction has committed and the delay is over, at least once.

    `dedup_key` makes a second message with the same key a no-op. Arguments hold ids, never secrets.
    """
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    due_at = timezone.now() + timedelta(seconds=delay_seconds)
    message = OutboxMessage(
        task=name, arguments=arguments or {}, dedup_key=dedup_key, request_id=request_id, due_at=due_at, job=job
    )
    OutboxMessage.objects.bulk_create([message], ignore_conflicts=dedup_key is not None)


def claim(*, most: int, of_jobs: bool = False) -> list[OutboxMessage]:
    """Up to `most` due messages, leased to the caller: those of jobs, which may take long, or all others."""
    now = timezone.now()
    lease = uuid.uuid4()
    with transaction.atomic():
        due = OutboxMessage.objects.filter(due_at__lte=now, job__isnull=not of_jobs).order_by("due_at", "id")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        ids = list(due.values_list("id", flat=True)[:most])
        OutboxMessage.objects.filter(id__in=ids, due_at__lte=now).update(
            due_at=now + timedelta(seconds=LEASE_SECONDS), lease=lease, attempts=F("attempts") + 1
        )
    return list(OutboxMessage.objects.filter(id__in=ids, lease=lease).order_by("created_at", "id"))


def execute(message: OutboxMessage) -> bool:
    """Runs a claimed message; returns whether it succeeded. A failure is retried with back-off, then stays visible."""
    with structlog.contextvars.bound_contextvars(
        request_id=message.request_id, task=message.task, message_id=str(message.id)
    ):
        try:
            if message.attempts > ATTEMPTS:
                raise WorkersDied
            _note_start(message)
            result = _tasks[message.task](**message.arguments)
        except JobRevoked:
            log.info("task.revoked")
            return False
        except Exception as error:  # noqa: BLE001 -- whatever went wrong is recorded on the message and tried again
            _record_failure(message, error)
            return False
        _record_success(message, result)
        return True


def _note_start(message: OutboxMessage) -> None:
    """Raises JobRevoked."""
    if message.job_id is None:
        return
    now = timezone.now()
    wanted = Job.objects.filter(id=message.job_id, state__in=UNFINISHED_STATES)
    if not wanted.update(state=JobState.STARTED, started_at=Coalesce("started_at", now), updated_at=now):
        raise JobRevoked


def _record_success(message: OutboxMessage, result: Any) -> None:
    now = timezone.now()
    with transaction.atomic():
        held = OutboxMessage.objects.filter(id=message.id, lease=message.lease)
        if held.update(done_at=now, due_at=None, lease=None, last_error="") and message.job_id is not None:
            outcome = {"state": JobState.SUCCESS, "progress": 100, "result": result, "error": "", "ended_at": now}
            Job.objects.filter(id=message.job_id).update(**outcome, updated_at=now)


def _record_failure(message: OutboxMessage, error: Exception) -> None:
    is_too_late = isinstance(error, TooLate)
    is_final = is_too_late or message.attempts >= ATTEMPTS
    reason = f"{type(error).__name__}: {error}"
    if is_too_late and message.last_error:
        reason += f" Before that: {message.last_error}"
    log.warning("task.failed", error=type(error).__name__, attempts=message.attempts, final=is_final, exc_info=True)
    now = timezone.now()
    wait = min(3600, _BACK_OFF_SECONDS * 2 ** (message.attempts - 1)) * random.uniform(0.5, 1)  # noqa: S311 -- jitter
    with transaction.atomic():
        held = OutboxMessage.objects.filter(id=message.id, lease=message.lease).update(
            lease=None,
            last_error=reason[:500],
            failed_at=now if is_final else None,
            due_at=None if is_final else now + timedelta(seconds=wait),
        )
        if held and message.job_id is not None:
            Job.objects.filter(id=message.job_id).update(
                state=JobState.FAILURE if is_final else JobState.RETRY,
                # Its owner is told a code; the text may name what is nobody's business but staff's.
                error=error.code if isinstance(error, ApiError) else "internal_error",
                ended_at=now if is_final else None,
                updated_at=now,
            )


def forget_done(*, older_than_days: int = 7, most: int = 1000) -> int:
    """Deletes up to `most` messages that were done long ago; returns how many."""
    before = timezone.now() - timedelta(days=older_than_days)
    ids = list(OutboxMessage.objects.filter(done_at__lt=before).values_list("id", flat=True)[:most])
    return OutboxMessage.objects.filter(id__in=ids).delete()[0]
