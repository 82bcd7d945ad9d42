"""Changing a password by the one before, and setting a new one by a mailed link."""

import hashlib
import uuid
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from api.apis.api_keys import services as api_keys
from api.apis.auth.services import failures, proofs
from api.apis.auth.services.ending import end_other_sessions, end_sessions
from api.apis.auth.services.people import InvalidCredentials
from api.apis.auth.services.proofs import InvalidOrExpired, locked_person
from api.apis.auth.services.sessions import TokenGrant, grant_of, locked_device, require_present
from api.apis.notifications.services import notify
from api.apis.users import services as users
from api.exceptions import AccountRequired, ApiError, SignInRequired
from api.models import EndReason, MailedProof, ProofPurpose, Session, User
from api.models.base import identity_of
from api.platform import audit, outbox
from api.platform.callers import Caller
from api.platform.passwords import password_matches
from api.platform.transactions import transactional


class FreshProofRequired(ApiError):
    """The person has no password, and signed in too long ago for that to stand in for one."""

    status = HTTPStatus.FORBIDDEN
    code = "fresh_proof_required"
    title = "Sign in once more first"
    detail = "Sign in by a code or provider, and repeat this within ten minutes."


def prove_person(caller: Caller, *, password: str | None, or_else: str | None = None) -> User:
    """The caller's person, who proves themselves anew: by the password (or another that would do), or for lack of one by
    having signed in just now.

    Wrong passwords are counted like those at sign-in, before they are looked at. Raises SignInRequired, AccountRequired,
    InvalidCredentials, FreshProofRequired.
    """
    if caller.user_id is None or caller.session_id is None or caller.device_id is None:
        raise SignInRequired
    person = User.objects.get(id=caller.user_id)
    if person.email is None:
        raise AccountRequired
    if not person.has_usable_password():
        since = timezone.now() - timedelta(seconds=settings.FRESH_PROOF_SECONDS)
        if not Session.objects.filter(id=caller.session_id, auth_time__gte=since).exists():
            raise FreshProofRequired
        return person
    key = failures.key_of(person.email, caller.device_id)
    attempt = failures.begin_attempt(key)
    asked = person if attempt.is_allowed else None
    if not (password_matches(asked, password or "") or (or_else is not None and password_matches(asked, or_else))):
        audit.record_refusal(caller, "auth.proof_failed", target_kind="user", target_id=person.id)
        failures.record_lock(caller, attempt.lock_seconds)
        raise InvalidCredentials
    failures.forgive(key)
    return person


def change_password(caller: Caller, *, old_password: str | None, new_password: str) -> TokenGrant:
    """Changes the caller's password, ends their other sessions, and answers this session's tokens anew.

    A repeat with a password that is the new one already answers the same. Raises what `prove_person` raises,
    InvalidInput, TokenRevoked.
    """
    repeated = new_password if _has_just_changed(caller.session_id) else None
    person = prove_person(caller, password=old_password, or_else=repeated)
    if repeated is not None and password_matches(person, repeated):
        return _present_grant(caller)
    users.require_password(new_password, person=person, field="new_password")
    return _changed(caller, person, make_password(new_password))


def _has_just_changed(session_id: uuid.UUID | None) -> bool:
    """Whether the session has gone on with a new password so recently that the answer may have been lost."""
    since = timezone.now() - timedelta(seconds=settings.FRESH_PROOF_SECONDS)
    return session_id is not None and Session.objects.filter(id=session_id, password_changed_at__gte=since).exists()


@transactional
def _present_grant(caller: Caller) -> TokenGrant:
    assert caller.device_id is not None
    device = locked_device(caller.device_id)
    session = require_present(caller)
    session.device = device
    return grant_of(session)


@transactional
def _changed(caller: Caller, proved: User, encoded: str) -> TokenGrant:
    assert caller.device_id is not None
    person = User.objects.select_for_update().get(id=proved.id)
    device = locked_device(caller.device_id)
    session = require_present(caller)
    if person.password != proved.password:
        raise InvalidCredentials  # another change was quicker
    _set_password(person, encoded)
    now = timezone.now()
    Session.objects.filter(id=session.id).update(user_auth_version=person.auth_version, password_changed_at=now)
    end_other_sessions(caller, user_id=person.id, but=session.id, reason=EndReason.PASSWORD_CHANGED)
    audit.record(caller, "auth.password_changed", target_kind="user", target_id=person.id)
    session.device, session.user, session.user_auth_version = device, person, person.auth_version
    return grant_of(session)


def _set_password(person: User, encoded: str) -> None:
    """Gives a person, who is locked, another password, and tells them; links that would change it, or the address, are
    void.
    """
    person.password = encoded
    person.auth_version += 1
    person.save(update_fields=["password", "auth_version", "is_email_confirmed", "updated_at"])
    void = (ProofPurpose.PASSWORD_RESET, ProofPurpose.EMAIL_CHANGE)
    MailedProof.objects.filter(user=person, purpose__in=void, live_key__isnull=False).update(live_key=None)
    notify(person.id, "auth.password_changed", data={})
    event = {"user_id": str(person.id), "at": timezone.now().isoformat(), "to": person.email}
    key = f"password:{person.id}:{person.auth_version}"
    outbox.enqueue("auth.mail_password_notice", event, dedup_key=key, about=person.id)


def request_password_reset(caller: Caller, *, email: str) -> None:
    """Mails a link that sets a new password, if somebody has the address; the work is the same if nobody has."""
    _issue_reset(caller, email)


@transactional
def _issue_reset(caller: Caller, email: str) -> None:
    person = User.objects.filter(email_identity=identity_of(email)).first()
    address = hashlib.sha256(identity_of(email).encode()).hexdigest()
    stored = person.email if person is not None else None
    # Each device voids its own link only: whoever goes on asking would keep the person from ever using one.
    about = f"{caller.device_id}|{address}"
    asker = failures.asker_of(caller, email)
    proofs.issue(ProofPurpose.PASSWORD_RESET, about=about, email=stored or email, asker=asker, user=person)


def reset_password(caller: Caller, *, token: str, new_password: str) -> None:
    """Sets a new password by a mailed link and ends every session; a refused password does not use the link up.

    Raises InvalidOrExpired, InvalidInput.
    """
    proof = proofs.proof_of_token(ProofPurpose.PASSWORD_RESET, token)
    person = proof.user
    if person is None or not person.is_active:
        raise InvalidOrExpired
    users.require_password(new_password, person=person, field="new_password")
    _reset(caller, proof, make_password(new_password))


@transactional
def _reset(caller: Caller, proof: MailedProof, encoded: str) -> None:
    person = locked_person(proof)
    proofs.use(proof)
    if not person.is_active or person.email_identity != proof.email_identity:
        raise InvalidOrExpired
    if not person.is_email_confirmed:
        api_keys.revoke_keys_held_by(caller, user_id=person.id)  # made by whoever had not proved the address
    person.is_email_confirmed = True  # whoever has the link reads the address
    _set_password(person, encoded)
    end_sessions(caller, reason=EndReason.PASSWORD_CHANGED, user_id=person.id)
    audit.record(caller, "auth.password_reset", target_kind="user", target_id=person.id, on_behalf_of=person.id)
