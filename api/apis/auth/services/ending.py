"""Ending sessions: all of somebody's, the oldest of too many, those that nobody will use any more."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.utils import timezone

from api.models import EndReason, Session, User
from api.platform import audit, callers, revocation
from api.platform.callers import Caller
from api.platform.transactions import transactional

ENDED_SESSION_DAYS = 30  # how long people see which sessions ended, when and why


def end_oldest(caller: Caller, user: User) -> None:
    """Keeps a person's live sessions within their number; the oldest end."""
    live = Session.objects.filter(user=user, ended_at=None, live_device__isnull=False).order_by("-created_at", "-id")
    surplus = list(live.values_list("id", flat=True)[settings.SESSIONS_PER_PERSON :])
    if surplus:
        end(caller, surplus, EndReason.TOO_MANY)


def end_sessions(
    caller: Caller,
    *,
    reason: EndReason,
    session_id: uuid.UUID | None = None,
    device_id: uuid.UUID | None = None,
    user_id: uuid.UUID | None = None,
) -> int:
    """Ends the live sessions of one session id, device or person, or of a person on a device; returns how many.

    Part of the caller's transaction.
    """
    chosen = {"id": session_id, "device_id": device_id, "user_id": user_id}
    given = {column: value for column, value in chosen.items() if value is not None}
    assert given
    ids = list(Session.objects.filter(ended_at=None, **given).values_list("id", flat=True))
    end(caller, ids, reason)
    return len(ids)


def end_other_sessions(caller: Caller, *, user_id: uuid.UUID, but: uuid.UUID, reason: EndReason) -> int:
    """Ends a person's live sessions except one; returns how many. Part of the caller's transaction."""
    others = Session.objects.filter(ended_at=None, user_id=user_id).exclude(id=but)
    ids = list(others.values_list("id", flat=True))
    end(caller, ids, reason)
    return len(ids)


def end(caller: Caller, session_ids: list[uuid.UUID], reason: EndReason) -> None:
    """Ends sessions that have not ended. Part of the caller's transaction."""
    now = timezone.now()
    people = _keep_devices(session_ids)
    Session.objects.filter(id__in=session_ids, ended_at=None).update(
        live_device=None, ended_at=now, end_reason=reason, ended_by=caller.user_id, updated_at=now
    )
    for session_id in session_ids:
        audit.record(
            caller,
            "session.ended",
            target_kind="session",
            target_id=session_id,
            on_behalf_of=people.get(session_id) or "",
            changes={"reason": [None, reason]},
        )
    revocation.announce(session_ids)


def _keep_devices(session_ids: list[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID | None]:
    """Notes how the devices of live sessions are, and returns whose these were. They are read without a lock: here the
    sessions may come first.
    """
    live = list(Session.objects.select_related("device").filter(id__in=session_ids, live_device__isnull=False))
    for session in live:
        device = session.device
        session.device_name, session.app_version, session.os_version = (
            device.name,
            device.app_version,
            device.os_version,
        )
    Session.objects.bulk_update(live, ["device_name", "app_version", "os_version"])
    return {session.id: session.user_id for session in live}


def end_superseded(*, most: int = 1000) -> int:
    """Ends up to `most` sessions whose successor nobody used in the time for asking again; returns how many."""
    before = timezone.now() - timedelta(seconds=settings.SESSION_OVERLAP_SECONDS)
    over = Session.objects.filter(superseded_at__lt=before, ended_at=None)
    ids = list(over.values_list("id", flat=True)[:most])
    now = timezone.now()
    rows = Session.objects.filter(id__in=ids, ended_at=None)
    return rows.update(ended_at=now, end_reason=EndReason.REPLACED, updated_at=now)


@transactional
def end_everybodys(caller: Caller, *, most: int = 200) -> int:
    """Ends up to `most` live sessions, whoever's they are; returns how many."""
    live = Session.objects.filter(live_device__isnull=False, ended_at=None)
    ids = list(live.values_list("id", flat=True)[:most])
    end(caller, ids, EndReason.ENDED_BY_STAFF)
    return len(ids)


def end_everybodys_browsers() -> int:
    """Signs all staff out of the pages; returns how many browsers that were."""
    return BrowserSession.objects.all().delete()[0]


@transactional
def end_expired(*, most: int = 200) -> int:
    """Ends up to `most` sessions that nobody may refresh any more; returns how many."""
    now = timezone.now()
    alive = Session.objects.filter(ended_at=None, superseded_at=None)
    idle = alive.filter(refreshed_at__lt=now - timedelta(seconds=settings.REFRESH_IDLE_SECONDS))
    old = alive.filter(created_at__lt=now - timedelta(seconds=settings.SESSION_MAX_SECONDS))
    # One after the other: each has an index of its own.
    ids = list(idle.values_list("id", flat=True)[:most]) or list(old.values_list("id", flat=True)[:most])
    end(callers.job(), ids, EndReason.EXPIRED)
    return len(ids)


def forget_ended_sessions(*, most: int = 1000) -> int:
    """Deletes up to `most` sessions that ended longer ago than people see them; returns how many."""
    before = timezone.now() - timedelta(days=ENDED_SESSION_DAYS)
    ids = list(Session.objects.filter(ended_at__lt=before).values_list("id", flat=True)[:most])
    return Session.objects.filter(id__in=ids).delete()[0]


def forget_browser_sessions(*, most: int = 1000) -> int:
    """Deletes up to `most` sessions of staff's browsers whose time is over; returns how many."""
    over = BrowserSession.objects.filter(expire_date__lt=timezone.now())
    keys = list(over.values_list("session_key", flat=True)[:most])
    return BrowserSession.objects.filter(session_key__in=keys, expire_date__lt=timezone.now()).delete()[0]
