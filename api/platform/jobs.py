"""Jobs: background work that a person has asked for and looks at. Each is carried out by a message of the outbox."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from api.exceptions import ApiError
from api.models import UNFINISHED_STATES, Job, JobState, OutboxMessage, User
from api.platform import leases, outbox
from api.platform.outbox import JobRevoked

KEPT_DAYS = 30  # after their end
UNFINISHED_MAX = 10  # of a person


class TooManyJobs(ApiError):
    """The person has ten jobs that have not ended."""

    status = HTTPStatus.CONFLICT
    code = "too_many_jobs"
    title = "Too many jobs are waiting"
    detail = "Wait until one of them has ended, or call one off."
    remedy = "Wait until one of them has ended, or call one off."


class AlreadyRunning(ApiError):
    """Another job does the same at this moment."""

    status = HTTPStatus.CONFLICT
    code = "already_running"
    title = "Another one is at work"
    remedy = "Wait for the other one to end."


def begin(owner_id: uuid.UUID, task: str, arguments: Mapping[str, Any], *, type_: str, key: str | None = None) -> Job:
    """A job that the task `task` carries out, once the caller's transaction has committed. The task takes the
    arguments and `job_id`; what it returns, JSON, is the job's result. Raises TooManyJobs.

    Of the jobs with one `key`, one is unfinished at most: while there is one, it is answered, whoever has begun it.
    """
    User.objects.select_for_update().get(id=owner_id)  # several at once are counted one after the other
    if (running := unfinished_of(key)) is not None:
        return running
    if Job.objects.filter(owner_id=owner_id, state__in=UNFINISHED_STATES).count() >= UNFINISHED_MAX:
        raise TooManyJobs
    try:
        with transaction.atomic():
            job = Job.objects.create(owner_id=owner_id, type=type_, key=key, live_key=key)
    except IntegrityError:  # somebody else's at the same moment
        if (running := unfinished_of(key)) is None:
            raise AlreadyRunning from None  # and over by now
        return running
    outbox.enqueue(task, {**arguments, "job_id": str(job.id)}, job=job)
    return job


def begin_erasure(
    subject_id: uuid.UUID,
    task: str,
    arguments: Mapping[str, Any],
    *,
    owner_id: uuid.UUID | None = None,
    delay_seconds: int = 0,
) -> Job:
    """A job that erases somebody or something, which nobody calls off and no number of other jobs keeps from beginning."""
    job = Job.objects.create(owner_id=owner_id, type=task, subject_id=subject_id)
    outbox.enqueue(task, {**arguments, "job_id": str(job.id)}, job=job, delay_seconds=delay_seconds)
    return job


def begin_upkeep(task: str) -> None:
    """A job that nobody owns, of the work of keeping house; while there is one that does the same, none."""
    try:
        with transaction.atomic():
            job = Job.objects.create(type=task, key=task, live_key=task)
    except IntegrityError:
        return
    outbox.enqueue(task, {"job_id": str(job.id)}, job=job)


def unfinished_of(key: str | None) -> Job | None:
    """The job that holds a key."""
    return Job.objects.filter(live_key=key).first() if key is not None else None


def begin_again(job: Job, task: str, arguments: Mapping[str, Any]) -> None:
    """Lets a job that has failed or was called off start over. Part of the caller's transaction. Raises AlreadyRunning."""
    OutboxMessage.objects.filter(job=job).delete()
    _revive(job, JobState.PENDING)
    outbox.enqueue(task, {**arguments, "job_id": str(job.id)}, job=job)


def try_again(job: Job) -> None:
    """Lets a job wait for its message, which is due again. Raises AlreadyRunning."""
    _revive(job, JobState.RETRY)


def _revive(job: Job, state: JobState) -> None:
    unfinished = {"state": state, "progress": 0, "error": "", "ended_at": None, "live_key": job.key}
    try:
        with transaction.atomic():
            Job.objects.filter(id=job.id).update(**unfinished, updated_at=timezone.now())
    except IntegrityError:
        raise AlreadyRunning from None


COLUMNS = ("id", "type", "state", "progress", "result", "error", "created_at", "started_at", "ended_at")


def told(job: Job) -> dict[str, Any]:
    """A job as its owner sees it."""
    return {**{name: getattr(job, name) for name in COLUMNS}, "error": job.error or None}


def report(job_id: str, *, per_cent: int) -> None:
    """Notes how far a task has come. Raises JobRevoked when its job was called off meanwhile; LeaseLost, WorkerStops,
    TimeLimitPassed when it is to go no further for other reasons.
    """
    leases.require_held()
    running = Job.objects.filter(id=job_id, state=JobState.STARTED)
    if not running.update(progress=per_cent, updated_at=timezone.now()):
        raise JobRevoked


def revoke(job_id: uuid.UUID) -> bool:
    """Calls a job off; returns whether it had not ended. A task that is at work notices when it reports."""
    now = timezone.now()
    with transaction.atomic():
        # The message first, as its execution does it.
        OutboxMessage.objects.filter(job_id=job_id, done_at=None, failed_at=None).delete()
        unfinished = Job.objects.filter(id=job_id, state__in=UNFINISHED_STATES)
        return bool(unfinished.update(state=JobState.REVOKED, ended_at=now, live_key=None, updated_at=now))


def forget_ended(*, most: int = 1000) -> int:
    """Deletes up to `most` jobs that ended long ago, with their messages; returns how many rows."""
    before = timezone.now() - timedelta(days=KEPT_DAYS)
    ended = Job.objects.filter(ended_at__lt=before).exclude(subject_id__isnull=False, state=JobState.FAILURE)
    ids = list(ended.values_list("id", flat=True)[:most])
    return Job.objects.filter(id__in=ids).delete()[0]
