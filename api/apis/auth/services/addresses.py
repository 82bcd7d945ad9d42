"""The address of an account: confirming the first, and changing it for another."""

from http import HTTPStatus

from django.db import IntegrityError, transaction

from api.apis.api_keys import services as api_keys
from api.apis.auth.services import proofs
from api.apis.auth.services.codes import prove_address
from api.apis.auth.services.ending import end_other_sessions, end_sessions
from api.apis.auth.services.passwords import prove_person
from api.apis.auth.services.people import InvalidCredentials
from api.apis.auth.services.proofs import InvalidOrExpired, locked_person
from api.apis.users.services import EmailTaken
from api.exceptions import AccountRequired, ApiError, SignInRequired
from api.models import EndReason, MailedProof, ProofPurpose, Session, SocialIdentity, User
from api.models.base import identity_of
from api.platform import audit, outbox
from api.platform.callers import Caller
from api.platform.transactions import transactional


class AddressUnchanged(ApiError):
    """The new address is the present one."""

    status = HTTPStatus.CONFLICT
    code = "address_unchanged"
    title = "This is the account's address already"


@transactional
def request_confirmation(caller: Caller) -> None:
    """Mails a link that confirms the caller's own address; nothing when it is. Raises SignInRequired, AccountRequired."""
    if caller.user_id is None:
        raise SignInRequired
    person = User.objects.select_for_update().get(id=caller.user_id)
    if person.email is None:
        raise AccountRequired
    if not person.is_email_confirmed:
        proofs.issue_confirmation(person)


@transactional
def confirm_address(caller: Caller, *, token: str) -> None:
    """Confirms an address by a mailed link. Outside of a session of the person it is proof from elsewhere, and removes
    what whoever signed up with the address had set. Raises InvalidOrExpired.
    """
    proof = proofs.proof_of_token(ProofPurpose.EMAIL_CONFIRM, token)
    person = locked_person(proof)
    proofs.use(proof)
    if not person.is_active or person.email_identity != proof.email_identity:
        raise InvalidOrExpired
    if caller.user_id != person.id:
        prove_address(caller, person)
    elif not person.is_email_confirmed:
        person.is_email_confirmed = True
        person.save(update_fields=["is_email_confirmed", "updated_at"])
        audit.record(caller, "auth.address_confirmed", target_kind="user", target_id=person.id)


def request_address_change(caller: Caller, *, email: str, password: str | None) -> None:
    """Mails a link to a new address, and a notice to the present one; whether somebody has the new one is not told.

    Raises what `passwords.prove_person` raises, AddressUnchanged.
    """
    person = prove_person(caller, password=password)
    if identity_of(email) == person.email_identity and email == person.email:
        raise AddressUnchanged
    _issue_change(person, email)


@transactional
def _issue_change(proved: User, email: str) -> None:
    person = User.objects.select_for_update().get(id=proved.id)
    if person.auth_version != proved.auth_version:
        raise InvalidCredentials  # what the proof opened has changed meanwhile
    proof = proofs.issue(ProofPurpose.EMAIL_CHANGE, about=str(person.id), email=email, user=person)
    if proof is not None:
        notice = {"proof_id": str(proof.id), "to": person.email}
        outbox.enqueue("auth.mail_change_notice", notice, dedup_key=f"notice:{proof.id}", about=person.id)


def address_to_change(token: str) -> str:
    """The address that a link of a change would set, for the page that asks. Raises InvalidOrExpired."""
    return _good_change(token).email


def _good_change(token: str) -> MailedProof:
    proof = proofs.proof_of_token(ProofPurpose.EMAIL_CHANGE, token)
    if proof.user is None or proof.user.auth_version != proof.user_auth_version:
        raise InvalidOrExpired  # the password was changed since
    return proof


@transactional
def change_address(caller: Caller, *, token: str) -> None:
    """Makes a new address the account's, by the link that was mailed to it; ends the person's other sessions.

    Whoever uses the link outside of them need not be who asked for it, and gets the account without other ways into
    it: the password, the identities of providers and API keys are removed. Raises InvalidOrExpired, EmailTaken.
    """
    proof = _good_change(token)
    person = locked_person(proof)
    proofs.use(proof)
    if not person.is_active or person.auth_version != proof.user_auth_version:
        raise InvalidOrExpired
    is_own = caller.user_id == person.id and caller.session_id is not None
    person.email, person.is_email_confirmed = proof.email, True
    if not is_own:
        person.set_unusable_password()
        SocialIdentity.objects.filter(user=person).delete()
    person.auth_version += 1
    person.version += 1
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError:
        raise EmailTaken from None
    if is_own:
        assert caller.session_id is not None
        Session.objects.filter(id=caller.session_id).update(user_auth_version=person.auth_version)
        end_other_sessions(caller, user_id=person.id, but=caller.session_id, reason=EndReason.EMAIL_CHANGED)
    else:
        end_sessions(caller, reason=EndReason.ADDRESS_PROVED, user_id=person.id)
        api_keys.revoke_keys_held_by(caller, user_id=person.id)
    # Told without the addresses: the trail keeps ids.
    for action in ("auth.address_changed",) if is_own else ("auth.address_changed", "auth.address_proved"):
        audit.record(caller, action, target_kind="user", target_id=person.id, on_behalf_of=person.id)
