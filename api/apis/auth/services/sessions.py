"""Sessions of a device: opening, refreshing, ending them. See `docs/sessions.md` for the state machine."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from api.apis.auth.services import proofs
from api.apis.auth.services.ending import end, end_oldest
from api.apis.auth.services.returning import take_back_deletion
from api.apis.notifications.services import notify
from api.models import STRANGERS_END_REASONS, Device, EndReason, Outcome, ProofPurpose, Session, User
from api.platform import audit, keys, revocation, tokens
from api.platform.callers import Caller
from api.platform.device_keys import DeviceRevoked
from api.platform.revocation import SessionState
from api.platform.tokens import TokenInvalid, TokenRefused, TokenRevoked
from api.platform.transactions import transactional


class SessionExpired(TokenRefused):
    """Nobody refreshed the session for weeks, or it has lived for as long as a session may."""

    code = "session_expired"
    title = "The session is too old"
    detail = "Ask for a new one by auth/get-token/ and sign in again."
    remedy = "Get a token; the person signs in again."


class RefreshReuseDetected(TokenRefused):
    """A refresh token was used by two parties; whoever of them is the thief, the session is over."""

    code = "refresh_reuse_detected"
    title = "This refresh token was used before"
    detail = "The session has ended. Ask for a new one by auth/get-token/ and sign in again."
    remedy = "Get a token; it asks for a new key (`rekey`), and the person signs in again."


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A session whose tokens may be answered. `must_rotate` asks the device for a new key."""

    session: Session
    must_rotate: bool


@transactional
def device_tokens(caller: Caller, *, device_id: uuid.UUID, details: dict[str, Any]) -> TokenGrant:
    """The device's present session, or a new one without a person; activates the device.

    `details` holds Device's columns to bring up to date. Raises DeviceRevoked.
    """
    device = locked_device(device_id)
    session = live_session(caller, device)
    if session is None:
        session = open_session(caller, device=device, user=None, opened_by="auth.get-token")
    _note_call(device, caller, details)
    return grant_of(session)


def grant_of(session: Session) -> TokenGrant:
    """The session's tokens. Its device is asked for a new key after a theft, and when its master key is no longer the
    current one.
    """
    device = session.device
    is_derived = device.public_key is None
    is_outdated = is_derived and device.master_kid != keys.ring(settings.DEVICE_MASTER_KEYS).current
    return TokenGrant(session, device.rekey_requested_at is not None or is_outdated)


def lock_device(device_id: uuid.UUID) -> Device:
    """Locks a device, revoked or not: whatever changes its sessions does so first."""
    return Device.objects.select_for_update().get(id=device_id)


def locked_device(device_id: uuid.UUID) -> Device:
    """The device, locked. Raises DeviceRevoked."""
    device = lock_device(device_id)
    if device.revoked_at is not None:
        raise DeviceRevoked
    return device


def _note_call(device: Device, caller: Caller, details: dict[str, Any]) -> None:
    now = timezone.now()
    changes = {
        **details,
        "last_seen_at": now,
        "last_address": caller.address,
        "activated_at": device.activated_at or now,
    }
    for name, value in changes.items():
        setattr(device, name, value)
    device.save(update_fields=list(changes))


def live_session(caller: Caller, device: Device) -> Session | None:
    """The device's session that can still be used, with its user. The device is locked by the caller."""
    session = Session.objects.select_related("user").filter(live_device=device).first()
    if session is None:
        return None
    session.device = device
    if _is_over(session):
        end(caller, [session.id], EndReason.EXPIRED)
        return None
    return session


def _is_over(session: Session) -> bool:
    """Whether a session that nobody has ended may not be used any more all the same."""
    now = timezone.now()
    is_old = now - session.created_at > timedelta(seconds=settings.SESSION_MAX_SECONDS)
    is_idle = now - session.refreshed_at > timedelta(seconds=settings.REFRESH_IDLE_SECONDS)
    user = session.user
    return is_old or is_idle or (user is not None and _has_lost_person(session, user))


def _has_lost_person(session: Session, user: User) -> bool:
    return not user.is_active or user.auth_version != session.user_auth_version


def open_session(
    caller: Caller,
    *,
    device: Device,
    user: User | None,
    opened_by: str,
    amr: Iterable[str] = (),
    opening_digest: bytes | None = None,
) -> Session:
    """A new live session; the one before is superseded and may ask for this answer again until it is first used.

    The device is locked by the caller.
    """
    now = timezone.now()
    before = Session.objects.filter(live_device=device).first()
    if before is not None:
        left = {"device_name": device.name, "app_version": device.app_version, "os_version": device.os_version}
        Session.objects.filter(id=before.id).update(live_device=None, superseded_at=now, updated_at=now, **left)
    session = Session.objects.create(
        device=device,
        live_device=device,
        user=user,
        user_auth_version=user.auth_version if user else 0,
        amr=list(amr),
        auth_time=now,
        refreshed_at=now,
        opened_by=opened_by,
        opening_digest=opening_digest,
        address=caller.address,
    )
    if before is not None:
        Session.objects.filter(id=before.id).update(successor=session)
        revocation.announce([before.id])
    if user is not None:
        end_oldest(caller, user)
    return session


def require_present(caller: Caller) -> Session:
    """The caller's session, with its user, if it is the live one of its device, which is locked. Raises TokenRevoked."""
    assert caller.session_id is not None
    live = Session.objects.filter(id=caller.session_id, live_device=caller.device_id)
    session = live.select_related("user").first()
    if session is None:
        raise TokenRevoked
    return session


def note_sign_in(caller: Caller, session: Session, person: User) -> None:
    """What follows a sign-in: the trail, and a mail to who has not signed in on this device before. Whoever comes back
    in time has not given their account up. The person is locked by the caller.
    """
    if person.deleted_at is not None:
        take_back_deletion(caller, person)
    User.objects.filter(id=person.id).update(last_login=timezone.now())
    audit.record(
        caller,
        "auth.signed_in",
        target_kind="session",
        target_id=session.id,
        on_behalf_of=person.id,
        changes={"amr": [None, session.amr]},
    )
    if person.email is not None and _is_new_device(session, person):
        proofs.issue(
            ProofPurpose.NEW_DEVICE, about=str(session.id), email=person.email, user=person, session_id=session.id
        )
        notify(person.id, "auth.new_device", data={"session_id": str(session.id), "device": str(session.device)})


def _is_new_device(session: Session, person: User) -> bool:
    """Whether a person who has signed in before, however long ago, does so on this device for the first time: sessions
    are forgotten, and an account that is long asleep is the one that nobody watches.
    """
    if person.last_login is None:
        return False
    here = Session.objects.filter(user=person, device_id=session.device_id).exclude(id=session.id)
    # A device that was a stranger's stays news.
    is_known = here.exists() and not here.filter(end_reason__in=STRANGERS_END_REASONS).exists()
    return not is_known


def repeatable_successor(session_id: uuid.UUID | None, *, opened_by: str, opening_digest: bytes) -> Session | None:
    """The session that superseded this one by exactly this call, while its answer may have been lost."""
    if session_id is None or revocation.state_of(session_id) is not SessionState.SUPERSEDED:
        return None
    before = Session.objects.select_related("successor__user", "successor__device").get(id=session_id)
    after = before.successor
    if after is None or after.opened_by != opened_by or after.live_device_id is None or after.opening_digest is None:
        return None
    return after if hmac.compare_digest(bytes(after.opening_digest), opening_digest) else None


def refresh(caller: Caller, *, device: Device, refresh_token: str, attempt: bytes | None) -> TokenGrant:
    """The next tokens of a session; the same again for the attempt that moved its counter last.

    The reuse of an older token ends the session, and that outlives the refusal. Raises TokenInvalid, TokenRevoked,
    SessionExpired, RefreshReuseDetected.
    """
    session_id, counter = tokens.parse_refresh_token(refresh_token)
    attempt_digest = hashlib.sha256(attempt).digest() if attempt is not None else None
    session, is_reuse = _moved(caller, device, session_id, counter, attempt_digest)
    if is_reuse:
        raise RefreshReuseDetected
    return grant_of(session)


@transactional
def _moved(
    caller: Caller, device: Device, session_id: uuid.UUID, counter: int, attempt_digest: bytes | None
) -> tuple[Session, bool]:
    """The session after this refresh, and whether the token was used before. Whoever of several concurrent attempts has
    the device first moves the counter; the others find it moved.
    """
    device = lock_device(device.id)
    session = Session.objects.select_related("user").filter(id=session_id, device=device).first()
    if session is None:
        raise TokenInvalid
    session.device = device
    if session.ended_at is not None or session.superseded_at is not None:
        raise TokenRevoked
    if _is_over(session):
        _raise_over(session)
    now = timezone.now()
    # Sessions of a person are ended on all their devices at once, which locks none of these.
    current = Session.objects.filter(id=session_id, refresh_counter=counter, ended_at=None, live_device=device)
    moved = current.update(
        refresh_counter=F("refresh_counter") + 1,
        attempt_digest=attempt_digest,
        refreshed_at=now,
        updated_at=now,
    )
    if moved:
        if session.first_used_at is None:
            revocation.record_first_use(session_id)
        _note_call(device, caller, {})
        session.refresh_counter = counter + 1
        return session, False
    session.refresh_from_db(fields=("refresh_counter", "attempt_digest", "ended_at"))
    if session.ended_at is not None:
        raise TokenRevoked
    is_previous = counter == session.refresh_counter - 1
    if is_previous and _is_same_attempt(session.attempt_digest, attempt_digest):
        return session, False
    _end_for_reuse(caller, session)
    return session, True


def _raise_over(session: Session) -> None:
    """A session whose time is over ends here; one whose person was shut out was ended there."""
    if session.user is not None and _has_lost_person(session, session.user):
        raise TokenRevoked
    raise SessionExpired


def _is_same_attempt(kept: bytes | None, given: bytes | None) -> bool:
    """No attempt equals no attempt: a client that sends none may still have lost an answer."""
    if kept is None or given is None:
        return kept is None and given is None
    return hmac.compare_digest(bytes(kept), given)


def _end_for_reuse(caller: Caller, session: Session) -> None:
    if not Session.objects.select_for_update().filter(id=session.id, ended_at=None).exists():
        return  # another one was quicker, and has told of it
    Device.objects.filter(id=session.device_id, rekey_requested_at=None).update(rekey_requested_at=timezone.now())
    end(caller, [session.id], EndReason.REFRESH_REUSED)
    audit.record(
        caller,
        "auth.refresh_reuse_detected",
        target_kind="session",
        target_id=session.id,
        on_behalf_of=session.user_id or "",
        outcome=Outcome.REFUSED,
    )


def require_valid_token(caller: Caller, *, token: str) -> str:
    """The kind of a token (`access`, `refresh`) that would be taken now. Raises TokenInvalid, TokenExpired, TokenRevoked,
    SessionExpired.
    """
    if not token.startswith("rt1."):
        claims = tokens.verify_access_token(token)
        if claims.device_id != caller.device_id:
            raise TokenInvalid
        if revocation.state_of(claims.session_id) is not SessionState.LIVE:
            raise TokenRevoked
        return "access"
    session_id, counter = tokens.parse_refresh_token(token)
    assert caller.device_id is not None
    session = Session.objects.select_related("user").filter(id=session_id, device_id=caller.device_id).first()
    if session is None:
        raise TokenInvalid
    if session.live_device_id is None or counter != session.refresh_counter:
        raise TokenRevoked
    if _is_over(session):
        _raise_over(session)
    return "refresh"
