"""Leases: who carries work out says all along that it is still at it, and learns when the work is not its own any more.

A message of the outbox is leased to whoever took it up until its `due_at`. That of a job, which may take hours, is leased
for half a minute and renewed by a thread beside the work, so that a dead worker's job is soon taken up by another; not for
longer than its task may take, so that a hung one is taken up as well.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from api.models import OutboxMessage

log = structlog.get_logger(__name__)

MESSAGE_SECONDS = 300  # longer than a task may run that has no job; never renewed
JOB_SECONDS = 30
_RENEWED_SECONDS = 10  # two renewals may fail before anybody else takes the work up


class Flag(Protocol):
    """An event of threads, or of processes."""

    def set(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None, /) -> bool: ...


# Set when this process is told to end: work that can be interrupted is handed back, and goes on elsewhere.
stopping: Flag = threading.Event()


class LeaseLost(Exception):
    """The work was called off, or taken up by another worker: whatever is done now counts for nothing."""


class WorkerStops(Exception):
    """This process ends: the work is handed back."""


class TimeLimitPassed(Exception):
    """The task has taken longer than it may."""


@dataclass(frozen=True)
class Lease:
    """Of the message `message_id`, by the token that only this worker's taking up has; good until `ends_at` (monotonic)."""

    message_id: uuid.UUID
    token: uuid.UUID | None
    ends_at: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.ends_at

    def renewed(self) -> bool:
        """Renews it, and returns whether it was still held. Locks the message, where the caller has a transaction."""
        held = OutboxMessage.objects.filter(id=self.message_id, lease=self.token)
        return bool(held.update(due_at=timezone.now() + timedelta(seconds=JOB_SECONDS)))


_current: ContextVar[Lease | None] = ContextVar("leases_current", default=None)


@contextmanager
def kept(message: OutboxMessage, *, limit_seconds: float) -> Iterator[None]:
    """Renews the lease of a job's message while the block is at work, for `limit_seconds` at most."""
    assert message.lease is not None
    lease = Lease(message.id, message.lease, time.monotonic() + limit_seconds)
    token = _current.set(lease)
    has_ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lease, has_ended), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        has_ended.set()
        keeper.join()
        _current.reset(token)


def _keep(lease: Lease, has_ended: threading.Event) -> None:
    try:
        while not has_ended.wait(_RENEWED_SECONDS) and not lease.is_over:
            try:
                if not lease.renewed():
                    return
            except (DatabaseError, InterfaceError) as error:
                log.warning("lease.not_renewed", error=type(error).__name__)
                connection.close()
    finally:
        connection.close()


def require_held() -> None:
    """Renews the lease of the work at hand; nothing where that has none. Called often by whatever takes long, and in the
    transaction that makes its outcome count. Raises LeaseLost, WorkerStops, TimeLimitPassed.
    """
    lease = _current.get()
    if lease is None:
        return
    if stopping.is_set():
        raise WorkerStops
    if lease.is_over:
        raise TimeLimitPassed
    if not lease.renewed():
        raise LeaseLost
