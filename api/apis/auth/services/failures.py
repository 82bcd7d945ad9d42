"""Guesses: every attempt is counted before the password is looked at, so that a hundred at once are not a hundred."""

import hmac
import uuid
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from api.models import STRANGERS_END_REASONS, Outcome, Session, SignInFailures
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import audit
from api.platform.callers import Caller
from api.platform.keys import purpose_key
from api.platform.transactions import transactional

_STRANGERS = "strangers"


def key_of(email: str, device_id: uuid.UUID) -> bytes:
    """What failures against an account are counted under: together for strange devices, apart for each on which its
    person has signed in before. The same work for an address that nobody has.
    """
    identity = identity_of(email)
    return _key(identity, str(device_id) if _is_known(device_id, identity) else _STRANGERS)


def _is_known(device_id: uuid.UUID, identity: str, **person: Any) -> bool:
    """Whether the person of an address, who is as `person` says, has signed in on a device before."""
    here = Session.objects.filter(device_id=device_id, user__email_identity=identity, **person)
    reasons = set(here.values_list("end_reason", flat=True).distinct())
    return bool(reasons) and reasons.isdisjoint(STRANGERS_END_REASONS)


def browser_key_of(email: str, browser: str) -> bytes:
    """The same for a browser of staff: one in which the person has signed in before is named, any other is not, and
    counts together with strange devices.
    """
    return _key(identity_of(email), f"browser:{browser}" if browser else _STRANGERS)


def factor_key_of(user_id: uuid.UUID, browser: str) -> bytes:
    """The same for codes, which have a count of their own: whoever knows the password starts nothing over."""
    return _key(f"second factor of {user_id}", f"browser:{browser}" if browser else _STRANGERS)


def _key(identity: str, who: str) -> bytes:
    return hmac.digest(purpose_key("lockout"), f"{identity}|{who}".encode(), "sha256")


class Attempt(NamedTuple):
    """Whether an attempt may be made, and for how long its failure locks the account (0: not at all)."""

    is_allowed: bool
    lock_seconds: int = 0


def begin_attempt(key: bytes) -> Attempt:
    """Counts one attempt as a failure in advance; none is allowed while the account is locked. `forgive` takes it back."""
    # The row is made outside the transaction that locks it: several that meet at a new row would wait for one another.
    row = SignInFailures(key=key, window_started_at=timezone.now())
    SignInFailures.objects.bulk_create([row], ignore_conflicts=True)
    return _counted(key)


@transactional
def _counted(key: bytes) -> Attempt:
    now = timezone.now()
    row = SignInFailures.objects.select_for_update().get(key=key)
    if row.locked_until is not None and now < row.locked_until:
        return Attempt(is_allowed=False)
    if now - row.window_started_at > timedelta(seconds=settings.LOCKOUT_WINDOW_SECONDS):
        row.failures, row.window_started_at = 0, now
    if row.locked_until is not None and now - row.locked_until > timedelta(seconds=settings.LOCKOUT_MAX_SECONDS):
        row.locks = 0
    row.failures += 1
    seconds = 0
    if row.failures >= settings.LOCKOUT_FAILURES:
        seconds = min(settings.LOCKOUT_SECONDS * 2**row.locks, settings.LOCKOUT_MAX_SECONDS)
        row.locked_until = now + timedelta(seconds=seconds)
        row.locks, row.failures, row.window_started_at = row.locks + 1, 0, now
    row.save()
    return Attempt(is_allowed=True, lock_seconds=seconds)


def record_lock(caller: Caller, lock_seconds: int) -> None:
    """Tells the trail of a lock; of none (0) there is nothing to tell."""
    if lock_seconds:
        # Which account it is stands in the row beside it; the counter's own key would tell nobody.
        audit.record(
            caller,
            "auth.account_locked",
            target_kind="sign_in",
            outcome=Outcome.REFUSED,
            changes={"seconds": [None, lock_seconds]},
        )


def forgive(key: bytes) -> None:
    """The attempt was the person: its account starts over. The row stays, for whoever is about to lock it."""
    SignInFailures.objects.filter(key=key).update(failures=0, locked_until=None, locks=0, updated_at=timezone.now())


def forget_old_failures(*, most: int = 1000) -> int:
    """Deletes up to `most` counts that say nothing any more; returns how many."""
    before = timezone.now() - timedelta(seconds=2 * settings.LOCKOUT_MAX_SECONDS)
    keys = list(SignInFailures.objects.filter(updated_at__lt=before).values_list("key", flat=True)[:most])
    return SignInFailures.objects.filter(key__in=keys, updated_at__lt=before).delete()[0]


def account_key(caller: Caller, email: str) -> str:
    """What a limit of guesses counts: the account, apart for each device that has signed in there, and of all others
    apart for those that are attested: a stranger's programs use up nothing of what phones have. No address in it.
    """
    address = email.strip()[:254]
    # Before anything was validated: what cannot be an address is nobody's.
    is_possible = address.isprintable() and len(identity_of(address).encode()) <= IDENTITY_MAX_BYTES
    if caller.device_id is None or not is_possible:
        return "nobody"
    identity = identity_of(address)
    who = str(caller.device_id) if _is_known(caller.device_id, identity) else _strangers_of(caller)
    return _key(identity, who).hex()[:32]


def asker_of(caller: Caller, email: str) -> str:
    """With whom a device's mails to an address are counted: by itself where the person has signed in, and has proved
    that the address is theirs; else whoever signed up with somebody's address could mail there from each device.
    """
    assert caller.device_id is not None
    is_known = _is_known(caller.device_id, identity_of(email), user__is_email_confirmed=True)
    return str(caller.device_id) if is_known else _strangers_of(caller)


def _strangers_of(caller: Caller) -> str:
    return "attested" if caller.is_attested else _STRANGERS
