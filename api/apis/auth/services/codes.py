"""Signing in by a mailed code: whoever reads an address's mail is its person, with or without an account before."""

import hashlib
import hmac

from django.conf import settings

from api.apis.api_keys import services as api_keys
from api.apis.auth.services import failures, proofs
from api.apis.auth.services.ending import end_sessions
from api.apis.auth.services.guests import meet, settle_guest, upgrade_guest
from api.apis.auth.services.proofs import InvalidOrExpired
from api.apis.auth.services.sessions import (
    TokenGrant,
    grant_of,
    locked_device,
    note_sign_in,
    open_session,
    repeatable_successor,
    require_present,
)
from api.apis.users import services as users
from api.models import EndReason, MailedProof, ProofPurpose, User
from api.models.base import identity_of
from api.platform import audit
from api.platform.callers import Caller
from api.platform.keys import purpose_key
from api.platform.transactions import transactional


def request_magic_code(caller: Caller, *, email: str) -> str | None:
    """Mails a code to an address, whoever has it or nobody: the work is the same. The code before it is void.

    Beyond the day's number for the address, and for who asks, nothing is mailed, and that is not told. Returns the code only where
    MAGIC_LINK_DEBUG_ECHO_TOKEN asks for it.
    """
    proof = _issue_code(caller, email)
    return proofs.code_of(proof) if proof and settings.DEBUG and settings.MAGIC_LINK_DEBUG_ECHO_TOKEN else None


@transactional
def _issue_code(caller: Caller, email: str) -> MailedProof | None:
    device_id = caller.device_id
    # Mail goes to the address that the account has, never to another spelling of it.
    stored = User.objects.filter(email_identity=identity_of(email)).values_list("email", flat=True).first()
    address = hashlib.sha256(identity_of(email).encode()).hexdigest()
    return proofs.issue(
        ProofPurpose.MAGIC_CODE,
        about=f"{device_id}|{address}",
        email=stored or email,
        asker=failures.asker_of(caller, email),
        device_id=device_id,
    )


def mailed_code(token: str) -> str:
    """The code that belongs to a mailed link, to be typed on the device that asked. Raises InvalidOrExpired."""
    return proofs.code_of(proofs.proof_of_token(ProofPurpose.MAGIC_CODE, token))


def sign_in_by_code(caller: Caller, *, token: str, merge_guest: bool | None) -> TokenGrant:
    """Signs in, on the device that asked, whoever has the code or the token of its link; makes the person if need be.

    The same again for the repeat of a lost answer. Raises InvalidOrExpired, GuestHasData, TokenRevoked.
    """
    assert caller.device_id is not None
    digest = hmac.digest(purpose_key("opening"), token.encode(), "sha256")
    repeated = _repeated(caller, digest)
    if repeated is not None:
        return repeated
    try:
        proof = proofs.proof_on_device(ProofPurpose.MAGIC_CODE, caller.device_id, token)
        return _signed_in_at_last(caller, proof, merge_guest, digest)
    except InvalidOrExpired:
        # Perhaps another attempt of the same call was quicker.
        repeated = _repeated(caller, digest)
        if repeated is None:
            device = caller.device_id
            audit.record_refusal(caller, "auth.code_failed", target_kind="device", target_id=device)
            raise
        return repeated


def _signed_in_at_last(caller: Caller, proof: MailedProof, merge_guest: bool | None, digest: bytes) -> TokenGrant:
    """Begins again when another device has made the address's person meanwhile."""
    try:
        return _signed_in(caller, proof, merge_guest, digest)
    except users.EmailTaken:
        return _signed_in(caller, proof, merge_guest, digest)


def _repeated(caller: Caller, digest: bytes) -> TokenGrant | None:
    after = repeatable_successor(caller.session_id, opened_by="auth.magic", opening_digest=digest)
    return grant_of(after) if after is not None else None


@transactional
def _signed_in(caller: Caller, proof: MailedProof, merge_guest: bool | None, digest: bytes) -> TokenGrant:
    proofs.use(proof)
    person = person_of_proved_address(caller, email=proof.email, merge_guest=merge_guest)
    assert caller.device_id is not None
    device = locked_device(caller.device_id)
    require_present(caller)
    session = open_session(
        caller, device=device, user=person, opened_by="auth.magic", amr=["otp"], opening_digest=digest
    )
    note_sign_in(caller, session, person)
    return grant_of(session)


def person_of_proved_address(caller: Caller, *, email: str, merge_guest: bool | None) -> User:
    """The person of an address that the caller has just proved to read: the one who has it, the caller's guest who gets
    it, or a new one. Part of the caller's transaction; the person is locked. Raises InvalidOrExpired, GuestHasData.
    """
    meeting = meet(caller, email_identity=identity_of(email))
    person = User.objects.select_for_update().filter(email_identity=identity_of(email)).first()
    if person is None:
        guest = upgrade_guest(caller, email=email)
        return guest or users.create_proved_person(caller, email=email)
    if not person.is_active:
        raise InvalidOrExpired
    prove_address(caller, person)
    settle_guest(caller, person=person, meeting=meeting, merge_guest=merge_guest)
    return person


def prove_address(caller: Caller, person: User) -> None:
    """Confirms the address of a person, who is locked, by a proof from outside their sessions. At the first one, what
    was set up before by whoever had not proved it — a password, sessions, API keys — is removed: it may have been a stranger.
    """
    if person.is_email_confirmed:
        return
    person.is_email_confirmed = True
    person.set_unusable_password()
    person.auth_version += 1
    person.save(update_fields=["is_email_confirmed", "password", "auth_version", "updated_at"])
    end_sessions(caller, reason=EndReason.ADDRESS_PROVED, user_id=person.id)
    api_keys.revoke_keys_held_by(caller, user_id=person.id)
    audit.record(caller, "auth.address_proved", target_kind="user", target_id=person.id, on_behalf_of=person.id)
