"""What an erasure has erased so far: numbers in the result of its job, each counted in the transaction of what it counts.

So they are right whenever a worker dies, and when two are at work on the same erasure.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from api.models import Job, JobState, OutboxMessage
from api.platform import leases, outbox
from api.platform.outbox import Postponed
from api.platform.transactions import transactional

# Of an execution, after which other jobs have a turn.
_SECONDS = 60


class Receipt:
    """The numbers of one erasure, and its pace. `told` has `rows` (by table), `files` and `audit_rows`."""

    def __init__(self, job_id: uuid.UUID) -> None:
        self.job_id = job_id
        self._ends_at = time.monotonic() + _SECONDS

    def rest(self) -> None:
        """To be called between two steps, in no transaction. Raises Postponed when others are to have a turn, and what
        `leases.require_held` raises where the work is another worker's by now.
        """
        leases.require_held()
        if time.monotonic() > self._ends_at:
            raise Postponed(seconds=0)

    def count(self, *, rows: Mapping[str, int] | None = None, files: int = 0, audit_rows: int = 0) -> None:
        """Adds numbers. Part of the caller's transaction, which waits for another one that counts for this erasure."""
        job = Job.objects.select_for_update().get(id=self.job_id)
        told = told_by(job)
        for table, number in (rows or {}).items():
            if number:
                told["rows"][table] = told["rows"].get(table, 0) + number
        told["files"] += files
        told["audit_rows"] += audit_rows
        Job.objects.filter(id=self.job_id).update(result=told, updated_at=timezone.now())

    def told(self) -> dict[str, Any]:
        return told_by(Job.objects.get(id=self.job_id))


def told_by(job: Job) -> dict[str, Any]:
    """The numbers of an erasure; all of them, though nothing was counted yet."""
    told: dict[str, Any] = {"subject_id": str(job.subject_id), "rows": {}, "files": 0, "audit_rows": 0}
    return {**told, **(job.result or {})}


_TRIED_AGAIN_AFTER_SECONDS = 3600


@transactional
def go_on_with_failed() -> None:
    """Has erasures that were given up tried again, for as long as it takes. Safe to run twice at once."""
    failed = Job.objects.select_for_update().filter(subject_id__isnull=False, state=JobState.FAILURE)
    now = timezone.now()
    for job in failed.order_by("id"):
        if job.ended_at is not None and (now - job.ended_at).total_seconds() < _TRIED_AGAIN_AFTER_SECONDS:
            continue
        Job.objects.filter(id=job.id).update(state=JobState.RETRY, ended_at=None, updated_at=now)
        again = OutboxMessage.objects.filter(job=job)
        if not again.update(due_at=now, failed_at=None, attempts=0, lease=None):
            argument = "user_id" if job.type == "erasure.person" else "organization_id"
            outbox.enqueue(job.type, {"job_id": str(job.id), argument: str(job.subject_id)}, job=job)
