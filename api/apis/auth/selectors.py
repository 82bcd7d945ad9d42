"""Reading sessions: the caller's own, and for staff those of a person or a device."""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Max, Q
from django.utils import timezone

from api.exceptions import NotThere
from api.models import (
    EndReason,
    MailedProof,
    Platform,
    ProofPurpose,
    Session,
    StaffNote,
    StaffSession,
    User,
    WaitingListEntry,
)
from api.platform import factors
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.tokens import TokenRevoked


def own_session(caller: Caller) -> Session:
    """The session of the caller's token, with its device and person. Raises TokenRevoked."""
    assert caller.session_id is not None
    session = Session.objects.select_related("device", "user").filter(id=caller.session_id).first()
    if session is None:
        raise TokenRevoked
    return session


# For staff: not narrowed to a caller. Only the CMS may ask.

_STAFF_COLUMNS = (
    "id",
    "user_id",
    "user__username",
    "device_id",
    "device__name",
    "device__model",
    "device__platform",
    "live_device_id",
    "created_at",
    "refreshed_at",
    "address",
    "ended_at",
    "end_reason",
    "ended_by__username",
)


def sessions_of_person_for_staff(user_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` sessions of a person that have not ended, and the last that have, newest first."""
    rows = Session.objects.filter(user_id=user_id).values(*_STAFF_COLUMNS)
    open_ones = rows.filter(ended_at=None).order_by("-created_at")[:limit]
    ended = rows.filter(ended_at__isnull=False).order_by("-ended_at")[:limit]
    return [_named(row) for row in (*open_ones, *ended)][:limit]


def sessions_on_device_for_staff(device_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """The last `limit` sessions on a device, newest first."""
    rows = Session.objects.filter(device_id=device_id).values(*_STAFF_COLUMNS)
    return [_named(row) for row in rows.order_by("-id")[:limit]]


def session_for_staff(session_id: uuid.UUID) -> dict[str, Any]:
    """Raises NotThere."""
    row = Session.objects.filter(id=session_id).values(*_STAFF_COLUMNS).first()
    if row is None:
        raise NotThere
    return _named(row)


def session_by_id_for_staff(session_id: uuid.UUID) -> dict[str, Any] | None:
    """On which device a session is, and whose."""
    columns = ("id", "device_id", "device__name", "device__model", "user__username")
    row = Session.objects.filter(id=session_id).values(*columns).first()
    return {**row} if row else None


def notes_for_staff(user_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """The last `limit` notes of staff about a person, newest first."""
    rows = StaffNote.objects.filter(user_id=user_id).values("id", "text", "created_at", "author__username")
    return [{**row} for row in rows.order_by("-id")[:limit]]


REQUEST_PURPOSES = (ProofPurpose.EMAIL_CONFIRM, ProofPurpose.EMAIL_CHANGE, ProofPurpose.PASSWORD_RESET)


def requests_for_staff(*, purpose: str = "", cursor: Cursor | None, limit: int) -> Page:
    """A page of the confirmations and resets that were mailed lately, newest first; the links themselves are nowhere."""
    purposes = [purpose] if purpose else REQUEST_PURPOSES
    columns = ("id", "purpose", "email", "user_id", "user__username", "created_at", "expires_at", "used_at", "live_key")
    rows = MailedProof.objects.filter(purpose__in=purposes).values(*columns)
    page = page_of(rows, order=[Order("id", True)], cursor=cursor, limit=limit)
    now = timezone.now()
    told = [
        {
            **row,
            "purpose": ProofPurpose(row["purpose"]).label,
            "is_open": row["live_key"] is not None and row["expires_at"] > now,
        }
        for row in page.rows
    ]
    return page._replace(rows=told)


def waiting_list_for_staff(*, cursor: Cursor | None, limit: int) -> Page:
    """A page of the addresses that want to hear when signing up is possible, newest first."""
    rows: Any = WaitingListEntry.objects.values("id", "email", "created_at")
    return page_of(rows, order=[Order("created_at", True), Order("id", True)], cursor=cursor, limit=limit)


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """A row with names for people in place of codes."""
    reason = EndReason(row["end_reason"]).label if row["end_reason"] else ""
    return {**row, "device__platform": Platform(row["device__platform"]).label, "end_reason": reason}


# Second factors and browsers of staff: the caller's own, and those of others for who may see people.


def has_factor(person: User) -> bool:
    """Whether somebody can show a second factor."""
    return factors.has_any(person)


def factors_of(user_id: uuid.UUID) -> list[dict[str, Any]]:
    """The factors of a member of staff, the oldest first, without recovery codes."""
    return [row for row in factors.of_person(User(id=user_id)) if row["type"] != factors.RECOVERY_CODES]


def recovery_codes_left(user_id: uuid.UUID) -> int:
    """How many recovery codes somebody has not used yet."""
    return len(factors.recovery_codes_left(User(id=user_id)))


def passkey_question(*, host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a browser asks its passkeys, and the state that the answer is checked with."""
    return factors.begin_authentication(host=host)


def new_passkey_question(person: User, *, host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a browser makes a new passkey of, and the state that it is checked with."""
    return factors.begin_registration(person, host=host)


def browsers_of(user_id: uuid.UUID, *, limit: int) -> list[dict[str, Any]]:
    """The browsers that somebody is signed in to the CMS with, or was, the latest first; `is_alive` marks the former."""
    since = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    is_alive = Q(ended_at=None, seen_at__gte=since, user__auth_version=F("user_auth_version"))
    rows = StaffSession.objects.filter(user_id=user_id).order_by("-id").annotate(is_alive=is_alive)
    columns = ("id", "user_id", "factor", "created_at", "seen_at", "address", "user_agent", "ended_at", "is_alive")
    return list(rows.values(*columns)[:limit])


def browser_for_staff(session_id: uuid.UUID) -> dict[str, Any]:
    """One browser of somebody, with their name. Raises NotThere."""
    row = StaffSession.objects.filter(id=session_id).values("id", "user_id", "user__username", "user_agent").first()
    if row is None:
        raise NotThere
    return dict(row)


def staff_members() -> list[dict[str, Any]]:
    """All staff with the names of their roles, how many factors they have, and when they were last seen in the CMS."""
    people = list(User.objects.filter(is_staff=True).order_by("username_identity").prefetch_related("groups"))
    counts = factors.counts_of(person.id for person in people)
    seen = dict(StaffSession.objects.values_list("user").annotate(latest=Max("seen_at")))
    return [
        {
            "id": person.id,
            "username": person.username,
            "email": person.email,
            "is_active": person.is_active,
            "is_superuser": person.is_superuser,
            "roles": sorted(group.name for group in person.groups.all()),
            "factors": counts.get(person.id, 0),
            "seen_at": seen.get(person.id),
        }
        for person in people
    ]


def staff_roles_of(user_id: uuid.UUID) -> list[str]:
    """The names of somebody's roles."""
    return sorted(User(id=user_id).groups.values_list("name", flat=True))
