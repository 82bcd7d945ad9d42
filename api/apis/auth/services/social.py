"""Signing in by a provider (OpenID Connect): whom an issuer vouches for is that person, with or without an account before."""

import hashlib
import hmac
import re
import secrets
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from api.apis.auth.services.codes import person_of_proved_address
from api.apis.auth.services.guests import meet, settle_guest
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
from api.apis.users.services import EmailTaken
from api.exceptions import ApiError
from api.models import SocialIdentity, User
from api.models.base import identity_of
from api.platform import audit, nonces, oidc
from api.platform.callers import Caller
from api.platform.keys import b64url, purpose_key
from api.platform.nonces import AlreadyUsed
from api.platform.oidc import Identity, Provider, TokenNotGood
from api.platform.transactions import transactional

SOCIAL_NONCE_SECONDS = 15 * 60  # while the person talks to the provider
_NONCE = re.compile(r"([0-9]{10})\.([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}")
_ATTEMPTS = 3
_EMAIL_MAX = 254
_OPENED_BY = "auth.social"
_AMR = "fed"  # RFC 8176 has no name for the word of somebody else


class ProviderUnknown(ApiError):
    """Nobody of this name may sign people in here."""

    status = HTTPStatus.NOT_FOUND
    code = "provider_unknown"
    title = "There is no such provider"
    remedy = "Offer another way to sign in."


class SocialTokenInvalid(ApiError):
    """The provider's identity token or the nonce is not good: forged, too old, for another app, used, or of another device.

    One answer for all of these, and for a person who was shut out.
    """

    status = HTTPStatus.BAD_REQUEST  # not 401: the caller's own tokens are good, and no HTTP stack may throw them away
    code = "social_token_invalid"
    title = "The provider's token is not good, or not any more"
    remedy = "Ask for a new nonce and let the person go to the provider once more."


class ProviderEmailMissing(ApiError):
    """The provider knows the person, whom we do not, and vouches for no e-mail address of theirs."""

    status = HTTPStatus.CONFLICT
    code = "provider_email_missing"
    title = "The provider has confirmed no e-mail address"
    remedy = "Ask the provider for the scope `email`; else offer another way to sign in."


class _LinkedMeanwhile(Exception):
    """Another call has linked the same identity."""


def new_social_nonce(caller: Caller, *, provider: str) -> str:
    """What the provider has to put into its token: `<seconds>.<random>.<mac>`, for this device and provider only.

    Nothing is stored before it is used, so that asking costs nobody anything. Raises ProviderUnknown.
    """
    return _nonce(caller, _provider(provider), int(time.time()), b64url(secrets.token_bytes(16)))


def _provider(name: str) -> Provider:
    try:
        return oidc.providers()[name]
    except KeyError:
        raise ProviderUnknown from None


def _nonce(caller: Caller, provider: Provider, made_at: int, random: str) -> str:
    about = f"{caller.device_id}|{provider.name}|{made_at}|{random}"
    return f"{made_at}.{random}.{b64url(hmac.digest(purpose_key('social-nonce'), about.encode(), 'sha256'))}"


def _expiry_of(caller: Caller, provider: Provider, nonce: str) -> datetime:
    """Until when a nonce of ours is good. Raises TokenNotGood."""
    form = _NONCE.fullmatch(nonce)
    if form is None or not hmac.compare_digest(_nonce(caller, provider, int(form[1]), form[2]), nonce):
        raise TokenNotGood("nonce of somebody else")
    expires_at = int(form[1]) + SOCIAL_NONCE_SECONDS
    if time.time() >= expires_at:
        raise TokenNotGood("old nonce")
    return datetime.fromtimestamp(expires_at, UTC)


class _Proof(NamedTuple):
    """What a provider has said, and what makes it count once."""

    provider: str
    identity: Identity
    nonce_digest: bytes
    good_until: datetime
    opening_digest: bytes


def sign_in_by_provider(
    caller: Caller, *, provider: str, id_token: str, nonce: str, merge_guest: bool | None
) -> TokenGrant:
    """Signs in whom a provider vouches for, on the device that got the nonce; makes the person if need be.

    The same again for the repeat of a lost answer. Raises ProviderUnknown, ProviderUnavailable, SocialTokenInvalid,
    ProviderEmailMissing, GuestHasData, TokenRevoked.
    """
    issuer = _provider(provider)
    opening = hmac.digest(purpose_key("opening"), f"{issuer.name}|{nonce}|{id_token}".encode(), "sha256")
    repeated = _repeated(caller, opening)
    if repeated is not None:
        return repeated
    try:
        good_until = _expiry_of(caller, issuer, nonce)
        identity = oidc.verified(issuer, id_token, nonce=nonce)
        digest = hashlib.sha256(nonce.encode()).digest()
        return _signed_in_at_last(caller, _Proof(issuer.name, identity, digest, good_until, opening), merge_guest)
    except TokenNotGood as error:
        # Perhaps another attempt of the same call was quicker.
        repeated = _repeated(caller, opening)
        if repeated is None:
            _record_refusal(caller, issuer, str(error))
            raise SocialTokenInvalid from error
        return repeated


def _repeated(caller: Caller, opening_digest: bytes) -> TokenGrant | None:
    after = repeatable_successor(caller.session_id, opened_by=_OPENED_BY, opening_digest=opening_digest)
    return grant_of(after) if after is not None else None


def _record_refusal(caller: Caller, provider: Provider, reason: str) -> None:
    audit.record_refusal(
        caller,
        "auth.sign_in_failed",
        target_kind="provider",
        target_id=provider.name,
        changes={"reason": [None, reason]},
    )


def _signed_in_at_last(caller: Caller, proof: _Proof, merge_guest: bool | None) -> TokenGrant:
    """Of several devices on which somebody appears for the first time at once, one makes the person; the others find
    them when they begin again.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _signed_in(caller, proof, merge_guest)
        except (EmailTaken, _LinkedMeanwhile):
            continue
    return _signed_in(caller, proof, merge_guest)


@transactional
def _signed_in(caller: Caller, proof: _Proof, merge_guest: bool | None) -> TokenGrant:
    try:
        nonces.use(proof.nonce_digest, until=proof.good_until)
    except AlreadyUsed as error:
        raise TokenNotGood("used nonce") from error
    person = _known_person(caller, proof.identity, merge_guest) or _linked_person(caller, proof, merge_guest)
    assert caller.device_id is not None
    device = locked_device(caller.device_id)
    require_present(caller)
    session = open_session(
        caller, device=device, user=person, opened_by=_OPENED_BY, amr=[_AMR], opening_digest=proof.opening_digest
    )
    note_sign_in(caller, session, person)
    return grant_of(session)


def _known_person(caller: Caller, identity: Identity, merge_guest: bool | None) -> User | None:
    """The person whom the issuer has vouched for before, whatever address it tells by now, locked. Raises TokenNotGood,
    GuestHasData.
    """
    known = SocialIdentity.objects.filter(issuer=identity.issuer, subject=identity.subject)
    user_id = known.values_list("user_id", flat=True).first()
    meeting = meet(caller, id=user_id) if user_id else None
    person = User.objects.select_for_update().filter(id=user_id).first() if user_id else None
    if person is None:
        return None
    if not person.is_active:
        raise TokenNotGood("inactive person")
    settle_guest(caller, person=person, meeting=meeting, merge_guest=merge_guest)
    return person


def _linked_person(caller: Caller, proof: _Proof, merge_guest: bool | None) -> User:
    """The person of the address that the issuer has verified, to whom it leads from now on; for an account whose address
    nobody had proved, this is the proof. Raises ProviderEmailMissing, TokenNotGood, GuestHasData, EmailTaken.
    """
    identity = proof.identity
    email = _usable(identity.email)
    try:
        person = person_of_proved_address(caller, email=email, merge_guest=merge_guest)
    except InvalidOrExpired as error:
        raise TokenNotGood("inactive person") from error
    try:
        with transaction.atomic():
            SocialIdentity.objects.create(
                issuer=identity.issuer, subject=identity.subject, provider=proof.provider, user=person, email=email
            )
    except IntegrityError as error:
        raise _LinkedMeanwhile from error
    audit.record(
        caller,
        "auth.identity_linked",
        target_kind="user",
        target_id=person.id,
        on_behalf_of=person.id,
        changes={"provider": [None, proof.provider]},
    )
    return person


def _usable(email: str | None) -> str:
    """The address, if we could write to it. Raises ProviderEmailMissing."""
    if email is None or not email.isprintable() or len(email) > _EMAIL_MAX:
        raise ProviderEmailMissing
    try:
        validate_email(email)
    except ValidationError as error:
        raise ProviderEmailMissing from error
    if len(identity_of(email).encode()) > _EMAIL_MAX:
        raise ProviderEmailMissing
    return email
