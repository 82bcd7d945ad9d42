"""Ended sessions: the rows are the truth; with Redis, marks that live as long as an access token make it visible to
every process with its next request. A lost mark is written again by the outbox, and a young store asks the rows.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from api.models import EndReason, Session
from api.platform import outbox, state
from api.platform.ids import spelled
from api.platform.transactions import is_read_only


class SessionState(StrEnum):
    LIVE = "live"
    SUPERSEDED = "superseded"  # a newer session exists; this one may only ask for its answer again
    ENDED = "ended"


_RECORDED_MAX = 10_000
_MARGIN_SECONDS = 60  # beyond the token's life: clocks of several servers


def mark_key(session_id: uuid.UUID) -> str:
    return f"revoked:session:{spelled(session_id)}"


def state_of(session_id: uuid.UUID) -> SessionState:
    """What the rows say: the session, its device and its person."""
    row = (
        Session.objects.filter(id=session_id)
        .values_list(
            "ended_at",
            "superseded_at",
            "device__revoked_at",
            "user__is_active",
            "user_auth_version",
            "user__auth_version",
            "successor__first_used_at",
        )
        .first()
    )
    if row is None:
        return SessionState.ENDED
    ended_at, superseded_at, revoked_at, is_active, opened_with, auth_version, successor_used_at = row
    if ended_at or revoked_at or is_active is False or (auth_version not in (None, opened_with)):
        return SessionState.ENDED
    if superseded_at is None:
        return SessionState.LIVE
    if successor_used_at is not None or is_overlap_over(superseded_at):
        return SessionState.ENDED
    return SessionState.SUPERSEDED


def is_overlap_over(superseded_at: datetime) -> bool:
    """Whether the time is over in which the answer that superseded a session may be asked for again."""
    return timezone.now() - superseded_at > timedelta(seconds=settings.SESSION_OVERLAP_SECONDS)


_recorded: set[uuid.UUID] = set()


def record_first_use(session_id: uuid.UUID) -> None:
    """Notes that the session's tokens have arrived at the device, and ends the session before it for good.

    Once a process and session; a first token goes on saying that it is one until it expires. A database that takes no
    writes at present does not keep anybody from reading: the next call notes it.
    """
    if session_id in _recorded:
        return
    now = timezone.now()
    try:
        if Session.objects.filter(id=session_id, first_used_at=None).update(first_used_at=now):
            before = Session.objects.filter(successor_id=session_id, ended_at=None)
            before.update(ended_at=now, end_reason=EndReason.REPLACED, updated_at=now)
    except DatabaseError as error:
        if not is_read_only(error):
            raise
        return
    transaction.on_commit(lambda: _remember_recorded(session_id))


def _remember_recorded(session_id: uuid.UUID) -> None:
    if len(_recorded) >= _RECORDED_MAX:
        _recorded.clear()
    _recorded.add(session_id)


def announce(session_ids: Iterable[uuid.UUID]) -> None:
    """Makes the end (or the succession) of sessions known, after the present transaction has committed.

    Twice over: at once by this process, and through the outbox in case it dies before it comes to that.
    """
    ids = [str(session_id) for session_id in session_ids]
    if ids and state.is_configured():
        outbox.enqueue("auth.publish_revocations", {"session_ids": ids})
        transaction.on_commit(lambda: publish(ids), robust=True)


def publish(session_ids: Iterable[str]) -> None:
    """Writes the marks; harmless when repeated. Raises StateUnavailable."""
    lifetime = settings.ACCESS_TOKEN_SECONDS + _MARGIN_SECONDS
    with state.guarded() as redis:
        pipeline = redis.pipeline(transaction=False)
        for session_id in session_ids:
            pipeline.set(mark_key(uuid.UUID(session_id)), "1", ex=lifetime)
        pipeline.execute()
