"""Jobs: background work that a person has asked for and looks at. Each is carried out by a message of the outbox."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.utils import timezone

from api.exceptions import ApiError
from api.models import UNFINISHED_STATES, Job, JobState, OutboxMessage, User
from api.platform import outbox
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


def begin(owner_id: uuid.UUID, task: str, arguments: Mapping[str, Any], *, type_: str) -> Job:
    """A job that the task `task` carries out, once the caller's transaction has committed. The task takes the
    arguments and `job_id`; what it returns, JSON, is the job's result. Raises TooManyJobs.
    """
    User.objects.select_for_update().get(id=owner_id)  # several at once are counted one after the other
    if Job.objects.filter(owner_id=owner_id, state__in=UNFINISHED_STATES).count() >= UNFINISHED_MAX:
        raise TooManyJobs
    job = Job.objects.create(owner_id=owner_id, type=type_)
    outbox.enqueue(task, {**arguments, "job_id": str(job.id)}, job=job)
    return job


COLUMNS = ("id", "type", "state", "progress", "result", "error", "created_at", "started_at", "ended_at")


def told(job: Job) -> dict[str, Any]:
    """A job as its owner sees it."""
    return {**{name: getattr(job, name) for name in COLUMNS}, "error": job.error or None}


def report(job_id: str, *, per_cent: int) -> None:
    """Notes how far a task has come. Raises JobRevoked when its job was called off meanwhile."""
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
        return bool(unfinished.update(state=JobState.REVOKED, ended_at=now, updated_at=now))


def forget_ended(*, most: int = 1000) -> int:
    """Deletes up to `most` jobs that ended long ago, with their messages; returns how many rows."""
    before = timezone.now() - timedelta(days=KEPT_DAYS)
    ids = list(Job.objects.filter(ended_at__lt=before).values_list("id", flat=True)[:most])
    return Job.objects.filter(id__in=ids).delete()[0]
