"""Carrying out what is due: messages of the outbox, and the schedule's slots. And jobs, from their start to their end."""

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import structlog
from django.utils import timezone

from api.exceptions import ApiError, NotThere
from api.models import Job, JobState, OutboxMessage
from api.platform import (
    audit,
    counters,
    idempotency,
    jobs,
    leases,
    limits,
    media,
    nonces,
    outbox,
    places,
    staff,
    storage,
)
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.transactions import transactional

log = structlog.get_logger(__name__)

# The types that a client may start, with their arguments; each is the task `jobs.<type>`.
PUBLIC_TYPES: Mapping[str, Sequence[str]] = {
    "add": ("x", "y"),
    "long_running": ("seconds",),
    "process_data": ("data",),
}
LONG_RUNNING_SECONDS = 10

_BATCH = 20


class JobOver(ApiError):
    """The job has ended: there is nothing to call off."""

    status = HTTPStatus.CONFLICT
    code = "job_over"
    title = "The job has ended"
    remedy = "Read how it ended."


class JobStays(ApiError):
    """The job erases something, and cannot be called off."""

    status = HTTPStatus.CONFLICT
    code = "job_stays"
    title = "This job cannot be called off"
    detail = "What is being erased has been given up."
    remedy = "Let it run."


@transactional
def start_job(caller: Caller, *, type_: str, arguments: Mapping[str, Any]) -> uuid.UUID:
    """A job of one of PUBLIC_TYPES, carried out after the commit. Raises TooManyJobs."""
    assert caller.user_id is not None
    job = jobs.begin(caller.user_id, f"jobs.{type_}", arguments, type_=type_)
    audit.record(caller, "job.started", target_kind="job", target_id=job.id)
    return job.id


@transactional
def revoke_job(caller: Caller, *, name: str) -> None:
    """Calls one of the caller's jobs off; harmless when repeated. Raises NotThere, JobOver, JobStays."""
    job_id = as_uuid(name)
    if job_id is None:
        raise NotThere
    mine = Job.objects.filter(id=job_id, owner=caller.user_id)
    if not mine.exists():
        raise NotThere
    if mine.filter(subject_id__isnull=False).exists():
        raise JobStays
    if jobs.revoke(job_id):
        audit.record(caller, "job.revoked", target_kind="job", target_id=job_id)
    elif not mine.filter(state=JobState.REVOKED).exists():
        raise JobOver


class MessageNotFailed(ApiError):
    """The message was done, waits, or is at work: it is not staff's to retry or discard."""

    status = HTTPStatus.CONFLICT
    code = "message_not_failed"
    title = "This was not given up"
    detail = "Only what has failed for good can be retried or discarded."


@transactional
def retry_message(caller: Caller, *, message_id: uuid.UUID) -> None:
    """Has a message that was given up tried again, as often as a new one. Raises Forbidden, NotThere, MessageNotFailed,
    AlreadyRunning.
    """
    message = _failed_message(caller, message_id)
    again = {"due_at": timezone.now(), "failed_at": None, "attempts": 0, "failures": 0, "lease": None}
    OutboxMessage.objects.filter(id=message.id).update(**again)
    if message.job is not None and message.job.state == JobState.FAILURE:
        jobs.try_again(message.job)
    _record(caller, "outbox.retried", message)


@transactional
def discard_message(caller: Caller, *, message_id: uuid.UUID) -> None:
    """Deletes a message that was given up; its job, if it has one, stays failed.

    Raises Forbidden, NotThere, MessageNotFailed.
    """
    message = _failed_message(caller, message_id)
    _record(caller, "outbox.discarded", message)
    message.delete()


@transactional
def stop_job(caller: Caller, *, message_id: uuid.UUID) -> None:
    """Calls off the job whose message this is, whoever has asked for it; harmless when it has ended.

    Raises Forbidden, NotThere, JobStays.
    """
    staff.require(caller, "outbox.change")
    job = Job.objects.filter(message=message_id).first()
    if job is None:
        raise NotThere
    if job.subject_id is not None:
        raise JobStays
    if jobs.revoke(job.id):
        audit.record(caller, "job.revoked", target_kind="job", target_id=job.id)


def _failed_message(caller: Caller, message_id: uuid.UUID) -> OutboxMessage:
    staff.require(caller, "outbox.change")
    message = OutboxMessage.objects.select_for_update().filter(id=message_id).first()
    if message is None:
        raise NotThere
    if message.failed_at is None:
        raise MessageNotFailed
    return message


def _record(caller: Caller, action: str, message: OutboxMessage) -> None:
    changes = {"task": [message.task, None]}
    audit.record(caller, action, target_kind="outbox_message", target_id=message.id, changes=changes)


def run_long(job_id: str, *, seconds: int) -> dict[str, int]:
    """Takes its time, and says how far it is. Raises JobRevoked."""
    for second in range(seconds):
        jobs.report(job_id, per_cent=100 * second // seconds)
        time.sleep(1)
    return {"seconds": seconds}


def run_due() -> int:
    """Claims and executes what is due now; returns how many messages it took up. A job only if there is nothing else."""
    return run_due_messages() or run_due_job()


def run_due_messages() -> int:
    """Carries out what is due and belongs to no job, such as mail; returns how many messages it took up."""
    return _executed(outbox.claim(most=_BATCH))


def run_due_job() -> int:
    """Carries out one job that is due; returns whether there was one. Others are left to others: it may take long."""
    return _executed(outbox.claim(most=1, of_jobs=True))


def _executed(messages: Sequence[OutboxMessage]) -> int:
    for message in messages:
        outbox.execute(message)
    return len(messages)


def enqueue_schedule(schedule: Mapping[str, int]) -> None:
    """Writes the present slot of every scheduled task; a slot exists once, whoever writes it first."""
    now = int(timezone.now().timestamp())
    for name, seconds in schedule.items():
        outbox.enqueue(name, dedup_key=f"schedule:{name}:{now // seconds}")


def forget_expired() -> None:
    """Deletes what was kept long enough: answers to writes, messages that were done,
    jobs that ended, and what the embedded default
    keeps in the place of Redis.
    """
    for forget in (
        nonces.forget_expired,
        limits.forget_expired,
        counters.forget_expired,
        idempotency.forget_answers,
        outbox.forget_done,
        outbox.forget_failed,
        jobs.forget_ended,
    ):
        while forget():
            pass


# As long as a copy of the database may be old that somebody goes back to: what it names is still there.
_STRAY_FOR = timedelta(days=7)
_PLACES_OLD_DAYS = 60


def audit_media() -> dict[str, int]:
    """Deletes objects that no row has named for a week; how many, and how many are missing or under no prefix of ours.

    Raises TemporarilyUnavailable, and what `leases.require_held` raises.
    """
    deleted = 0
    with media.audited() as findings:
        for stray in findings.strays(older_than=_STRAY_FOR):
            leases.require_held()
            storage.delete([stray.name])
            deleted += 1
        missing = sum(1 for _ in findings.missing())
        foreign = sum(1 for _ in findings.foreign())
    if missing:
        log.warning("media.missing", objects=missing)
    return {"deleted": deleted, "missing": missing, "foreign": foreign}


def check_places() -> None:
    """Logs a warning when the database of places is so old that many addresses are somewhere else by now."""
    age_days = places.age_days()
    if age_days is not None and age_days > _PLACES_OLD_DAYS:
        log.warning("places.old", days=age_days)
