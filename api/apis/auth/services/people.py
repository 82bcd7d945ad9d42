"""Who is signed in on a device: signing up, in and out."""

import hmac
import uuid
from http import HTTPStatus
from typing import Any

from django.conf import settings

from api.apis.auth.services import failures, proofs
from api.apis.auth.services.ending import end_sessions
from api.apis.auth.services.giving_up import is_retired
from api.apis.auth.services.guests import AlreadySignedIn, meet, settle_guest, upgrade_guest
from api.apis.auth.services.sessions import (
    TokenGrant,
    grant_of,
    lock_device,
    locked_device,
    note_sign_in,
    open_session,
    repeatable_successor,
    require_present,
)
from api.apis.orgs import services as orgs
from api.apis.users import services as users
from api.exceptions import ApiError, NotThere
from api.models import EndReason, ProofPurpose, Session, User
from api.models.base import identity_of
from api.platform import audit, revocation, staff
from api.platform.callers import Caller
from api.platform.keys import purpose_key
from api.platform.passwords import password_matches
from api.platform.revocation import SessionState
from api.platform.tokens import TokenRefused, TokenRevoked
from api.platform.transactions import transactional


class RegistrationClosed(ApiError):
    """REGISTRATION_OPEN is off; people sign up another way."""

    status = HTTPStatus.FORBIDDEN
    code = "registration_closed"
    title = "Signing up with a password is turned off"
    remedy = "Offer another way to sign in."


class InvalidCredentials(TokenRefused):
    """One answer for an unknown address, a wrong password, an inactive person and a locked account."""

    code = "invalid_credentials"
    title = "The address and the password do not fit"
    remedy = "Let the person try again; say nothing about which of the two is wrong."


def register(caller: Caller, *, email: str, password: str, profile: dict[str, Any]) -> TokenGrant:
    """A new person, signed in on the caller's device; the same again for the repeat of a lost answer.

    Raises RegistrationClosed, AlreadySignedIn, EmailTaken, UsernameTaken, InvalidInput, TokenRevoked.
    """
    if not settings.REGISTRATION_OPEN:
        raise RegistrationClosed
    digest = _opening_digest(email)
    repeated = _repeated_sign_up(caller, digest, password)
    if repeated is not None:
        return repeated
    if caller.user_id is not None and not caller.is_guest:
        raise AlreadySignedIn
    refusal: ApiError = TokenRevoked()
    try:
        person = users.prepared_person(email=email, password=password, profile=profile)
        grant = _register(caller, person, profile.get("username"), digest)
        if grant is not None:
            return grant
    except users.EmailTaken as error:
        refusal = error
    # Perhaps another attempt of the same call was quicker; then what it did is answered once more.
    repeated = _repeated_sign_up(caller, digest, password)
    if repeated is None:
        raise refusal
    return repeated


@transactional
def _register(caller: Caller, person: User, username: str | None, digest: bytes) -> TokenGrant | None:
    """Both the person and their session, or neither; None when the caller's session is over by now."""
    assert caller.device_id is not None
    device = locked_device(caller.device_id)
    try:
        require_present(caller)
    except TokenRevoked:
        return None
    guest = upgrade_guest(caller, email=person.email, prepared=person, username=username)
    if guest is None:
        users.insert_person(caller, person=person, username=username)
    person = guest or person
    proofs.issue_confirmation(person)
    session = open_session(
        caller, device=device, user=person, opened_by="auth.register", amr=["pwd"], opening_digest=digest
    )
    note_sign_in(caller, session, person)
    return grant_of(session)


def sign_in(caller: Caller, *, email: str, password: str, merge_guest: bool | None = None) -> TokenGrant:
    """Signs a person in on the caller's device. Every refusal takes the same, whoever is asked for.

    Raises InvalidCredentials, GuestHasData, TokenRevoked.
    """
    digest = _opening_digest(email)
    assert caller.device_id is not None
    key = failures.key_of(email, caller.device_id)
    attempt = failures.begin_attempt(key)
    person = User.objects.filter(email_identity=identity_of(email)).first()
    may_enter = attempt.is_allowed and person is not None and person.is_active
    if not password_matches(person if may_enter else None, password) or person is None:
        _record_failure(caller, person, key, attempt.lock_seconds)
        raise InvalidCredentials
    failures.forgive(key)
    after = repeatable_successor(caller.session_id, opened_by="token.pair", opening_digest=digest)
    return grant_of(after) if after is not None else _signed_in(caller, person, digest, merge_guest)


@transactional
def _signed_in(caller: Caller, proved: User, digest: bytes, merge_guest: bool | None) -> TokenGrant:
    """The session of a person as they were when their password was looked at."""
    assert caller.device_id is not None
    meeting = meet(caller, id=proved.id)
    person = User.objects.select_for_update().filter(id=proved.id).first()
    device = locked_device(caller.device_id)
    if person is None or not person.is_active or person.auth_version != proved.auth_version:
        raise InvalidCredentials  # what the password opened has changed meanwhile
    try:
        require_present(caller)
    except TokenRevoked:
        after = repeatable_successor(caller.session_id, opened_by="token.pair", opening_digest=digest)
        if after is None:
            raise
        return grant_of(after)
    settle_guest(caller, person=person, meeting=meeting, merge_guest=merge_guest)
    session = open_session(
        caller, device=device, user=person, opened_by="token.pair", amr=["pwd"], opening_digest=digest
    )
    note_sign_in(caller, session, person)
    return grant_of(session)


def _repeated_sign_up(caller: Caller, digest: bytes, password: str) -> TokenGrant | None:
    """The answer that this very call got before, if it may have been lost. Raises EmailTaken for another password."""
    after = repeatable_successor(caller.session_id, opened_by="auth.register", opening_digest=digest)
    if after is None or after.user is None:
        return None
    if not _has_right_password(caller, after, after.user, password):
        raise users.EmailTaken
    return grant_of(after)


@transactional
def _has_right_password(caller: Caller, session: Session, person: User, password: str) -> bool:
    """A guess like any other, and counted like one. Repeats of a call that come at once take turns, so that they are not
    counted as many.
    """
    assert person.email is not None
    lock_device(session.device_id)
    key = failures.key_of(person.email, session.device_id)
    attempt = failures.begin_attempt(key)
    is_right = password_matches(person if attempt.is_allowed else None, password)
    if is_right:
        failures.forgive(key)
    else:
        _record_failure(caller, person, key, attempt.lock_seconds)
    return is_right


def _opening_digest(email: str) -> bytes:
    return hmac.digest(purpose_key("opening"), identity_of(email).encode(), "sha256")


@transactional
def _record_failure(caller: Caller, person: User | None, key: bytes, lock_seconds: int) -> None:
    """The same rows whether or not there is such a person: writing them must not tell."""
    audit.record_refusal(
        caller,
        "auth.sign_in_failed",
        target_kind="user",
        target_id=person.id if person else "",
        account=key,
    )
    failures.record_lock(caller, lock_seconds)


@transactional
def sign_out(caller: Caller) -> None:
    """Ends the caller's session, and the one that has superseded it while its answer was lost; harmless when repeated.

    The device stays registered.
    """
    assert caller.device_id is not None
    assert caller.session_id is not None
    lock_device(caller.device_id)
    over = [caller.session_id]
    if revocation.state_of(caller.session_id) is SessionState.SUPERSEDED:
        over += Session.objects.filter(predecessor=caller.session_id).values_list("id", flat=True)
    for session_id in over:
        end_sessions(caller, reason=EndReason.SIGNED_OUT, session_id=session_id)


@transactional
def sign_out_everywhere(caller: Caller) -> None:
    """Ends every session of the caller's person, this one too; harmless when repeated. Their devices stay registered.

    A session that is over ends nothing more.
    """
    assert caller.session_id is not None
    if caller.user_id is None:
        sign_out(caller)
        return
    person = User.objects.select_for_update().filter(id=caller.user_id).first()
    if person is None or revocation.state_of(caller.session_id) is SessionState.ENDED:
        return
    person.auth_version += 1
    person.save(update_fields=["auth_version", "updated_at"])
    end_sessions(caller, reason=EndReason.SIGNED_OUT, user_id=person.id)
    audit.record(caller, "auth.signed_out_everywhere", target_kind="user", target_id=person.id)


@transactional
def disown_session(caller: Caller, *, token: str) -> None:
    """Signs the person out of the device that a mail told of, however often somebody has signed in there since: "this
    was not me". Raises InvalidOrExpired.
    """
    proof = proofs.proof_of_token(ProofPurpose.NEW_DEVICE, token)
    proofs.use(proof)
    assert proof.session is not None
    end_sessions(caller, reason=EndReason.DISOWNED, device_id=proof.session.device_id, user_id=proof.user_id)
    audit.record(
        caller,
        "auth.session_disowned",
        target_kind="session",
        target_id=proof.session.id,
        on_behalf_of=proof.user_id or "",
    )


class StaffProtected(ApiError):
    """Only superusers touch superusers, and nobody shuts themselves out."""

    status = HTTPStatus.FORBIDDEN
    code = "staff_protected"
    title = "You may not do this to this person"


@transactional
def deactivate_person(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Shuts a person out: no session, token or password of theirs works any more. Harmless when repeated.

    Raises Forbidden, NotThere, StaffProtected, LastOwner.
    """
    staff.require(caller, "people.deactivate")
    orgs.require_other_owners(user_id)
    person = require_touchable(caller, user_id)
    if not person.is_active:
        return
    orgs.require_other_owners(user_id)
    person.is_active = False
    person.auth_version += 1
    person.save(update_fields=["is_active", "auth_version", "updated_at"])
    end_sessions(caller, reason=EndReason.PERSON_DEACTIVATED, user_id=person.id)
    audit.record(caller, "user.deactivated", target_kind="user", target_id=person.id)


@transactional
def reactivate_person(caller: Caller, *, user_id: uuid.UUID) -> None:
    """Lets a person in again; they sign in anew. Harmless when repeated.

    Raises Forbidden, NotThere, StaffProtected.
    """
    staff.require(caller, "people.deactivate")
    person = require_touchable(caller, user_id)
    if person.is_active:
        return
    person.is_active = True
    person.save(update_fields=["is_active", "updated_at"])
    audit.record(caller, "user.reactivated", target_kind="user", target_id=person.id)


def require_touchable(caller: Caller, user_id: uuid.UUID) -> User:
    """A person, locked, to whom a member of staff may do something. Raises NotThere, StaffProtected."""
    person = User.objects.select_for_update().filter(id=user_id).first()
    if person is None or is_retired(person):
        raise NotThere
    is_by_superuser = caller.user_id is None or User.objects.filter(id=caller.user_id, is_superuser=True).exists()
    is_protected = person.is_superuser and not is_by_superuser
    if is_protected or person.id == caller.user_id:
        raise StaffProtected
    return person
