"""Browsers that staff are signed in with: opened by both factors, proved again, ended; and looking through the eyes of a
person, which only such a browser does.
"""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.utils import timezone

from api.apis.auth.services.people import require_touchable
from api.exceptions import ApiError, NotThere
from api.models import ShownFactor, StaffSession, User
from api.platform import audit, callers, staff
from api.platform.callers import Caller
from api.platform.transactions import transactional

# How long it is seen which browsers somebody was signed in with.
_KEPT_DAYS = 90
_SEEN_EVERY_SECONDS = 60


@transactional
def open_browser(caller: Caller, *, person: User, factor: ShownFactor, user_agent: str) -> uuid.UUID:
    """A member of staff has shown what it takes; the browser is theirs from here on. Raises NotThere."""
    now = timezone.now()
    present = User.objects.select_for_update().filter(id=person.id, auth_version=person.auth_version).first()
    if present is None or not (present.is_active and present.is_staff and present.deleted_at is None):
        raise NotThere  # what the first factor opened has changed meanwhile
    session = StaffSession.objects.create(
        user=present,
        user_auth_version=present.auth_version,
        factor=factor,
        proved_at=now,
        seen_at=now,
        address=caller.address,
        user_agent=user_agent[:300],
    )
    changes = {"factor": [None, factor]}
    audit.record(caller, "staff.signed_in", target_kind="user", target_id=person.id, changes=changes)
    return session.id


def browser_of(session_id: str) -> StaffSession | None:
    """A browser with its person, and whom they view, as long as both may be in; notes that it was seen, to the minute."""
    session = StaffSession.objects.select_related("user", "viewing").filter(id=session_id, ended_at=None).first()
    now = timezone.now()
    if session is None or session.seen_at < now - timedelta(seconds=settings.SESSION_COOKIE_AGE):
        return None
    person = session.user
    may_be_in = person.is_active and person.is_staff and person.deleted_at is None
    if not may_be_in or person.auth_version != session.user_auth_version:
        return None
    if now - session.seen_at > timedelta(seconds=_SEEN_EVERY_SECONDS):
        StaffSession.objects.filter(id=session.id).update(seen_at=now)
    return session


@transactional
def prove_again(caller: Caller, *, session_id: uuid.UUID, factor: ShownFactor) -> None:
    """The person at a browser has shown once more that it is them."""
    StaffSession.objects.filter(id=session_id, ended_at=None).update(proved_at=timezone.now())
    changes = {"factor": [None, factor]}
    audit.record(caller, "staff.proved_again", target_kind="user", target_id=caller.user_id or "", changes=changes)


@transactional
def end_own_browser(caller: Caller, *, session_id: uuid.UUID) -> None:
    """Signs the caller out of one of their browsers. Harmless when repeated. Raises NotThere."""
    assert caller.user_id is not None
    session = StaffSession.objects.select_for_update().filter(id=session_id, user_id=caller.user_id).first()
    if session is None:
        raise NotThere
    _end(caller, [session])


@transactional
def end_browser(caller: Caller, *, session_id: uuid.UUID) -> None:
    """Signs somebody else of the staff out of one browser. Raises Forbidden, NotThere, StaffProtected."""
    staff.require(caller, "sessions.end")
    session = StaffSession.objects.filter(id=session_id).first()
    if session is None:
        raise NotThere
    require_touchable(caller, session.user_id)
    _end(caller, StaffSession.objects.select_for_update().filter(id=session_id))


def end_browsers(caller: Caller, *, user_id: uuid.UUID, but: uuid.UUID | None = None) -> None:
    """Ends all browsers of a person, except one. Part of the caller's transaction."""
    alive = StaffSession.objects.select_for_update().filter(user_id=user_id, ended_at=None)
    _end(caller, alive if but is None else alive.exclude(id=but))


def _end(caller: Caller, sessions: Iterable[StaffSession]) -> None:
    for session in sessions:
        if session.ended_at is not None:
            continue
        _stop_viewing(caller, session)
        StaffSession.objects.filter(id=session.id).update(ended_at=timezone.now(), ended_by=caller.user_id)
        audit.record(caller, "staff.session_ended", target_kind="user", target_id=session.user_id)


class NotViewable(ApiError):
    """Staff, people who are deactivated, and oneself are not looked at this way."""

    status = HTTPStatus.CONFLICT
    code = "not_viewable"
    title = "Nobody looks through the eyes of this person"
    detail = "Not of staff, of who is deactivated, or of oneself."


@transactional
def begin_viewing(caller: Caller, *, session_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Lets a browser look at the product as a person does, for a quarter of an hour; the trail tells of both ends.

    Raises Forbidden, NotThere, NotViewable.
    """
    staff.require(caller, "people.view_as")
    assert caller.user_id is not None
    session = StaffSession.objects.select_for_update().filter(id=session_id, user_id=caller.user_id).first()
    person = User.objects.filter(id=user_id).first()
    if session is None or person is None:
        raise NotThere
    is_open = person.is_active and person.deleted_at is None
    if person.is_staff or person.is_superuser or not is_open or person.id == caller.user_id:
        raise NotViewable
    _stop_viewing(caller, session)
    until = timezone.now() + timedelta(seconds=settings.VIEW_AS_SECONDS)
    StaffSession.objects.filter(id=session_id).update(viewing=person, viewing_until=until)
    changes = {"until": [None, until.isoformat()]}
    audit.record(caller, "user.viewing_begun", target_kind="user", target_id=person.id, changes=changes)


@transactional
def end_viewing(caller: Caller, *, session_id: uuid.UUID) -> None:
    """Ends it; harmless when repeated."""
    session = StaffSession.objects.select_for_update().filter(id=session_id).first()
    if session is not None:
        _stop_viewing(caller, session)


@transactional
def end_overdue_viewings(*, most: int = 200) -> int:
    """Ends up to `most` views whose time is over and that nobody ended; returns how many."""
    over = StaffSession.objects.select_for_update().filter(viewing_until__lt=timezone.now())
    sessions = list(over.order_by("viewing_until")[:most])
    for session in sessions:
        _stop_viewing(callers.job(), session)
    return len(sessions)


def _stop_viewing(caller: Caller, session: StaffSession) -> None:
    if session.viewing_until is None:
        return
    StaffSession.objects.filter(id=session.id).update(viewing=None, viewing_until=None)
    audit.record(
        caller,
        "user.viewing_ended",
        target_kind="user",
        target_id=session.viewing_id or "",
        on_behalf_of=session.user_id,
    )


def forget_staff_sessions(*, most: int = 1000) -> int:
    """Deletes up to `most` browsers that nobody has used for a quarter of a year; returns how many."""
    before = timezone.now() - timedelta(days=_KEPT_DAYS)
    ids = list(StaffSession.objects.filter(seen_at__lt=before).values_list("id", flat=True)[:most])
    return StaffSession.objects.filter(id__in=ids).delete()[0]
