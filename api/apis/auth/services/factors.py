"""Second factors of staff: adding the first and others, showing one, losing them. Each change locks the person's row, so
that of several at once the rules still hold; each leaves its audit row.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.utils import timezone

from api.apis.auth.services import failures
from api.apis.auth.services.browsers import end_browsers
from api.apis.auth.services.people import StaffProtected
from api.exceptions import ApiError, InvalidInput, NotThere
from api.models import ActorKind, ShownFactor, User
from api.platform import audit, factors, nonces, staff
from api.platform.callers import Caller
from api.platform.transactions import transactional

# What a person can have of passkeys: a laptop, a phone, a key in a safe, and some to spare.
_PASSKEYS_MOST = 10


class FactorExists(ApiError):
    """An authenticator app is set up already, somebody else was first, or there are ten passkeys."""

    status = HTTPStatus.CONFLICT
    code = "factor_exists"
    title = "This is set up already"
    detail = "Remove the one that is there first."


class LastFactor(ApiError):
    """Without this one nobody could sign in to the account any more."""

    status = HTTPStatus.CONFLICT
    code = "last_factor"
    title = "This is the only one"
    detail = "Add another one first."


class WrongCode(ApiError):
    """The code is wrong, was used, or belongs to a person who has to wait after too many wrong ones."""

    status = HTTPStatus.FORBIDDEN
    code = "wrong_code"
    title = "This code does not count"
    detail = "Each code counts once, for about a minute. After many wrong ones it takes a while until one counts again."


class PasskeyRefused(ApiError):
    """What the browser brought is not a passkey that is known here, or its time was over."""

    status = HTTPStatus.FORBIDDEN
    code = "passkey_refused"
    title = "This passkey does not count"
    detail = "Try again, or sign in with your password and a code."


@transactional
def add_totp(caller: Caller, *, user_id: uuid.UUID, secret: str, code: str, is_first: bool) -> list[str]:
    """Sets up an authenticator app that has shown a code; returns the recovery codes that come with a first factor.

    `is_first`: nothing else has been shown but a password, so that the account may have no factor yet.
    Raises NotThere, FactorExists, InvalidInput.
    """
    person = _locked(user_id)
    if factors.has(person, factors.TOTP):
        raise FactorExists
    if not factors.totp_fits(secret, code) or not _is_new(person, code):
        raise InvalidInput.of("code", "invalid", "This is not what the app shows at the moment.")
    return _added(caller, person, "totp", lambda: factors.add_totp(person, secret), is_first=is_first)


@transactional
def set_up_totp(caller: Caller, *, user_id: uuid.UUID) -> str:
    """Gives a person without factors an authenticator app whose secret is returned: for demo data. Raises FactorExists."""
    person = _locked(user_id)
    secret = factors.new_totp_secret()
    _added(caller, person, "totp", lambda: factors.add_totp(person, secret), is_first=True)
    return secret


@transactional
def add_passkey(
    caller: Caller,
    *,
    user_id: uuid.UUID,
    name: str,
    credential: Any,
    host: str,
    state: dict[str, Any],
    is_first: bool,
) -> list[str]:
    """Keeps a passkey that the browser has made; otherwise as `add_totp`. Raises NotThere, FactorExists, PasskeyRefused."""
    person = _locked(user_id)
    if sum(row["type"] == factors.PASSKEY for row in factors.of_person(person)) >= _PASSKEYS_MOST:
        raise FactorExists

    def keep() -> None:
        try:
            factors.register_passkey(person, name=name, credential=credential, host=host, state=state)
        except factors.CredentialRefused as error:
            raise PasskeyRefused from error

    return _added(caller, person, "passkey", keep, is_first=is_first)


def _added(caller: Caller, person: User, kind: str, add: Callable[[], None], *, is_first: bool) -> list[str]:
    had_any = factors.has_any(person)
    if is_first and had_any:
        raise FactorExists
    add()
    changes = {"factor": [None, kind]}
    audit.record(caller, "staff.factor_added", target_kind="user", target_id=person.id, changes=changes)
    return [] if had_any else factors.new_recovery_codes(person)


@transactional
def remove_factor(caller: Caller, *, factor_id: int) -> None:
    """Takes away one of the caller's own factors; not the last one. Raises NotThere, LastFactor."""
    assert caller.user_id is not None
    person = _locked(caller.user_id)
    real = [row for row in factors.of_person(person) if row["type"] != factors.RECOVERY_CODES]
    found = next((row for row in real if row["id"] == factor_id), None)
    if found is None:
        raise NotThere
    if len(real) == 1:
        raise LastFactor
    factors.remove(person, factor_id)
    kind = "totp" if found["type"] == factors.TOTP else "passkey"
    changes = {"factor": [kind, None]}
    audit.record(caller, "staff.factor_removed", target_kind="user", target_id=person.id, changes=changes)


@transactional
def renew_recovery_codes(caller: Caller) -> list[str]:
    """New recovery codes in the place of the caller's old ones. Raises NotThere."""
    assert caller.user_id is not None
    person = _locked(caller.user_id)
    codes = factors.new_recovery_codes(person)
    audit.record(caller, "staff.recovery_codes_renewed", target_kind="user", target_id=person.id)
    return codes


def show_code(caller: Caller, *, person: User, code: str, browser: str) -> ShownFactor:
    """Takes what an app shows, or a recovery code, once. Counted before it is looked at, for strange browsers together
    and for each that the person is known in by itself. Raises WrongCode.
    """
    key = failures.factor_key_of(person.id, browser)
    attempt = failures.begin_attempt(key)
    shown = _shown(person.id, code) if attempt.is_allowed else None
    if shown is None:
        audit.record_refusal(caller, "staff.code_refused", target_kind="user", target_id=person.id, account=key)
        failures.record_lock(caller, attempt.lock_seconds)
        raise WrongCode
    failures.forgive(key)
    return shown


@transactional
def _shown(user_id: uuid.UUID, code: str) -> ShownFactor | None:
    person = _locked(user_id)
    secret = factors.totp_secret_of(person)
    if secret is not None and factors.totp_fits(secret, code):
        if not _is_new(person, code):
            return None
        factors.note_use(person, factors.TOTP)
        return ShownFactor.TOTP
    if factors.has_any(person) and factors.use_recovery_code(person, code):
        factors.note_use(person, factors.RECOVERY_CODES)
        return ShownFactor.RECOVERY_CODE
    return None


def _is_new(person: User, code: str) -> bool:
    """Whether a code was not taken before, in which case it is from here on (RFC 6238 §5.2)."""
    digits = "".join(character for character in code if character.isdigit())
    digest = hashlib.sha256(f"totp|{person.id}|{digits}".encode()).digest()
    try:
        nonces.use(digest, until=timezone.now() + timedelta(seconds=factors.CODE_SECONDS))
    except nonces.AlreadyUsed:
        return False
    return True


def show_passkey(*, credential: Any, host: str, state: dict[str, Any]) -> User:
    """Who has shown a passkey, which proves who they are all alone. Raises PasskeyRefused."""
    try:
        return factors.person_of_passkey(credential, host=host, state=state)
    except factors.CredentialRefused as error:
        raise PasskeyRefused from error


@transactional
def reset_factors(caller: Caller, *, user_id: uuid.UUID) -> int:
    """Takes away every factor of a member of staff who has lost theirs, and ends their sessions of the CMS: they enrol
    anew. Returns how many there were. Those of a superuser only from the shell (`manage.py staff_factors`).

    Raises Forbidden, NotThere, StaffProtected.
    """
    staff.require(caller, "staff.reset_factors")
    person = _locked(user_id)
    if caller.kind is not ActorKind.COMMAND and (person.is_superuser or person.id == caller.user_id):
        raise StaffProtected
    removed = factors.remove(person)
    end_browsers(caller, user_id=person.id)
    changes = {"factors": [removed, 0]}
    audit.record(caller, "staff.factors_reset", target_kind="user", target_id=person.id, changes=changes)
    return removed


def _locked(user_id: uuid.UUID) -> User:
    person = User.objects.select_for_update().filter(id=user_id).first()
    if person is None:
        raise NotThere
    return person
