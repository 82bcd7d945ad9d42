"""The outbox: background work is written in the transaction of its cause, claimed with a lease, done at least once.

Whoever runs it (the embedded background process, a Celery worker) claims a message by moving its due time to the end
of a lease (`api.platform.leases`); a message whose worker died is simply due again. Tasks are therefore idempotent.

A message may have a job (`api.platform.jobs`), whose state is moved in the transaction in which the message's is.
"""

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from api.exceptions import ApiError
from api.models import UNFINISHED_STATES, Job, JobState, OutboxMessage
from api.platform import leases, log_context, metrics, telemetry

log = structlog.get_logger(__name__)

ATTEMPTS = 10
# Workers that may die over a job, which takes long enough to meet the end of many that is not its fault.
JOB_DEATHS = 50
JOB_LIMIT_SECONDS = 240  # unless its task says otherwise
_BACK_OFF_SECONDS = 5  # of the first retry; doubles, with jitter, to an hour


class WorkersDied(Exception):
    """Each worker that took the message up has died before it could say how that ended."""


class Hopeless(Exception):
    """Trying again will not help. Raised from the reason."""


class TooLate(Hopeless):
    """What the message was to do was not done in time, and makes no sense any more."""


class JobRevoked(Exception):
    """The job was called off while its task was at work: what is left of it need not be done."""


class Postponed(Exception):
    """The task has done a part of its work, or cannot go on at present (`because`): it is taken up again `seconds` later,
    however often. Nothing has failed; but failures before are forgotten only where the task has come further.
    """

    def __init__(self, *, seconds: int, because: ApiError | None = None) -> None:
        super().__init__(seconds)
        self.seconds, self.because = seconds, because


Task = Callable[..., Any]  # what it returns is the result of its job, if the message has one
_tasks: dict[str, Task] = {}
_limits: dict[str, int] = {}


def task(name: str, *, job_limit_seconds: int = JOB_LIMIT_SECONDS) -> Callable[[Task], Task]:
    """Registers a function as the task `<domain>.<what>`. It takes the message's arguments by keyword.

    As a job it may take `job_limit_seconds`; whoever needs more than a few seconds calls `jobs.report` all along.
    """

    def register(function: Task) -> Task:
        if name in _tasks:
            raise RuntimeError(f"two tasks are named {name}")
        _tasks[name] = function
        _limits[name] = job_limit_seconds
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
    about: uuid.UUID | None = None,
) -> None:
    """Writes a call of the task `name`; it runs after the transaction has committed and the delay is over, at least once.

    `dedup_key` makes a second message with the same key a no-op. Arguments hold ids, never secrets; where they tell
    something of a person besides, `about` says of whom.
    """
    request_id = log_context.members().get("request_id", "")
    due_at = timezone.now() + timedelta(seconds=delay_seconds)
    message = OutboxMessage(
        task=name,
        arguments=arguments or {},
        dedup_key=dedup_key,
        request_id=request_id,
        due_at=due_at,
        job=job,
        person_id=about,
    )
    OutboxMessage.objects.bulk_create([message], ignore_conflicts=dedup_key is not None)


def claim(*, most: int, of_jobs: bool = False) -> list[OutboxMessage]:
    """Up to `most` due messages, leased to the caller: those of jobs, which may take long, or all others."""
    now = timezone.now()
    lease = uuid.uuid4()
    lease_ends_at = now + timedelta(seconds=leases.JOB_SECONDS if of_jobs else leases.MESSAGE_SECONDS)
    with transaction.atomic():
        due = OutboxMessage.objects.filter(due_at__lte=now, job__isnull=not of_jobs).order_by("due_at", "id")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        ids = list(due.values_list("id", flat=True)[:most])
        OutboxMessage.objects.filter(id__in=ids, due_at__lte=now).update(
            due_at=lease_ends_at, lease=lease, attempts=F("attempts") + 1
        )
    return list(OutboxMessage.objects.filter(id__in=ids, lease=lease).order_by("created_at", "id"))


def execute(message: OutboxMessage) -> bool:
    """Runs a claimed message; returns whether it succeeded. A failure is retried with back-off, then stays visible."""
    with (
        log_context.bound(request_id=message.request_id, task=message.task, message_id=str(message.id)),
        metrics.timed_task(message.task) as ended,
        telemetry.task_span(message.task, message.request_id),
    ):
        try:
            result = _result_of(message)
        except (JobRevoked, leases.LeaseLost) as reason:
            log.info("task.revoked", reason=type(reason).__name__)
            ended("revoked")
            return False
        except Postponed as postponement:
            _record_postponement(message, postponement)
            ended("postponed")
            return True
        except ApiError as refusal:
            if message.job_id is None or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                ended("failed" if _record_failure(message, refusal) else "retried")
            else:
                log.info("task.refused", code=refusal.code)
                _record_end(message, {"state": JobState.FAILURE, "error": refusal.code})
                ended("refused")
            return False
        except leases.WorkerStops:
            _hand_back(message)
            ended("handed_back")
            return False
        except Exception as error:  # noqa: BLE001 -- whatever went wrong is recorded on the message and tried again
            ended("failed" if _record_failure(message, error) else "retried")
            return False
        _record_end(message, {"state": JobState.SUCCESS, "progress": 100, "result": result, "error": ""})
        ended("done")
        return True


def _result_of(message: OutboxMessage) -> Any:
    """What the task gives. Raises WorkersDied, and whatever the task raises; JobRevoked, LeaseLost, WorkerStops of a job."""
    if message.attempts - message.failures > (ATTEMPTS if message.job_id is None else JOB_DEATHS):
        raise WorkersDied
    if message.job_id is None:
        return _tasks[message.task](**message.arguments)
    _note_start(message.job_id)
    with leases.kept(message, limit_seconds=_limits.get(message.task, JOB_LIMIT_SECONDS)):
        return _tasks[message.task](**message.arguments)


def _note_start(job_id: uuid.UUID) -> None:
    """Raises JobRevoked."""
    now = timezone.now()
    wanted = Job.objects.filter(id=job_id, state__in=UNFINISHED_STATES)
    if not wanted.update(state=JobState.STARTED, started_at=Coalesce("started_at", now), progress=0, updated_at=now):
        raise JobRevoked


def _hand_back(message: OutboxMessage) -> None:
    """Lets another worker take the message of a job up at once, as if this one never had."""
    assert message.job_id is not None
    log.info("task.handed_back")
    now = timezone.now()
    with transaction.atomic():
        held = OutboxMessage.objects.filter(id=message.id, lease=message.lease)
        if held.update(due_at=now, lease=None, attempts=F("attempts") - 1):
            Job.objects.filter(id=message.job_id).update(state=JobState.PENDING, progress=0, updated_at=now)


def _record_end(message: OutboxMessage, outcome: Mapping[str, Any]) -> None:
    """The message is done; its job, if it has one, has this outcome. What a rule refuses is one, too: it is for whoever
    asked for the job, nobody has to look at the message, and trying again would not help.
    """
    now = timezone.now()
    with transaction.atomic():
        held = OutboxMessage.objects.filter(id=message.id, lease=message.lease)
        kept: dict[str, Any] = {} if message.person_id is None else {"arguments": {}}
        if held.update(done_at=now, due_at=None, lease=None, last_error="", **kept) and message.job_id is not None:
            Job.objects.filter(id=message.job_id).update(**outcome, live_key=None, ended_at=now, updated_at=now)


def _record_postponement(message: OutboxMessage, postponement: Postponed) -> None:
    now, because = timezone.now(), postponement.because
    with transaction.atomic():
        held = OutboxMessage.objects.filter(
            id=message.id, lease=message.lease
        ).update(
            lease=None,
            attempts=F("failures") if because else 0,  # nobody has died
            failures=F("failures") if because else 0,
            due_at=now + timedelta(seconds=postponement.seconds),
            last_error=f"{type(because).__name__}: {because}"[:500] if because else "",
        )
        if held and message.job_id is not None and because is not None:
            waiting = {"state": JobState.RETRY, "error": because.code, "updated_at": now}
            Job.objects.filter(id=message.job_id, state=JobState.STARTED).update(**waiting)


def _record_failure(message: OutboxMessage, error: Exception) -> bool:
    """Returns whether that was the last attempt."""
    failures = message.failures + 1
    is_final = isinstance(error, Hopeless | WorkersDied) or failures >= ATTEMPTS
    cause = (error.__cause__ or error) if isinstance(error, Hopeless) else error
    reason = f"{type(cause).__name__}: {cause}"
    if isinstance(error, TooLate) and message.last_error:
        reason += f" Before that: {message.last_error}"
    log.warning("task.failed", error=type(cause).__name__, attempts=message.attempts, final=is_final, exc_info=True)
    if is_final:
        telemetry.report(cause)
    now = timezone.now()
    wait = min(3600, _BACK_OFF_SECONDS * 2 ** (failures - 1)) * random.uniform(0.5, 1)  # noqa: S311 -- jitter
    with transaction.atomic():
        held = OutboxMessage.objects.filter(id=message.id, lease=message.lease).update(
            lease=None,
            failures=failures,
            last_error=reason[:500],
            failed_at=now if is_final else None,
            due_at=None if is_final else now + timedelta(seconds=wait),
        )
        if held and message.job_id is not None:
            # Its owner is told a code; the text may name what is nobody's business but staff's.
            code = cause.code if isinstance(cause, ApiError) else "internal_error"
            ended: dict[str, Any] = {"state": JobState.FAILURE, "ended_at": now, "live_key": None}
            outcome = ended if is_final else {"state": JobState.RETRY}
            Job.objects.filter(id=message.job_id).update(**outcome, error=code, updated_at=now)
    return is_final


class Backlog(NamedTuple):
    """What waits. `due` is counted up to `BACKLOG_COUNTED`."""

    due: int
    oldest_due_seconds: float
    failed: int


BACKLOG_COUNTED = 10_000


def backlog() -> Backlog:
    """What is due and has not been taken up, and what has failed for good."""
    now = timezone.now()
    due = OutboxMessage.objects.filter(due_at__lte=now).order_by("due_at")
    times: list[Any] = list(due.values_list("due_at", flat=True)[:BACKLOG_COUNTED])  # none is null
    failed = OutboxMessage.objects.filter(failed_at__isnull=False)[:BACKLOG_COUNTED].count()
    return Backlog(len(times), (now - times[0]).total_seconds() if times else 0.0, failed)


FAILED_DAYS = 90  # how long staff can look at what was given up


def forget_failed(*, most: int = 1000) -> int:
    """Deletes up to `most` messages that were given up long ago; returns how many. Those of jobs go with the job."""
    before = timezone.now() - timedelta(days=FAILED_DAYS)
    ids = list(OutboxMessage.objects.filter(failed_at__lt=before, job=None).values_list("id", flat=True)[:most])
    return OutboxMessage.objects.filter(id__in=ids).delete()[0]


def forget_done(*, older_than_days: int = 7, most: int = 1000) -> int:
    """Deletes up to `most` messages that were done long ago; returns how many."""
    before = timezone.now() - timedelta(days=older_than_days)
    ids = list(OutboxMessage.objects.filter(done_at__lt=before).values_list("id", flat=True)[:most])
    return OutboxMessage.objects.filter(id__in=ids).delete()[0]
