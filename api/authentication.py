"""Who is calling: the signature of a device or an app key, and the access token of a device's session.

The order is the profile's: form, purpose, address and coverage, time, key, signature, replay, device status, body.
Nothing is stored or changed before a signature has held, so a flood of bad ones leaves no trace but its own count.
"""

import base64
import hashlib
import hmac
import re
import time

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from api.models import ActorKind, Channel, Trust
from api.platform import api_keys, device_keys, nonces, signing
from api.platform.api_keys import ApiKeyInvalid
from api.platform.callers import Caller
from api.platform.device_keys import DeviceRevoked, DeviceUnknown, KeySuperseded
from api.platform.signing import (
    DigestMismatch,
    Signature,
    SignatureInsufficientCoverage,
    SignatureInvalid,
    SignatureMalformed,
    SignatureMissing,
    SignatureTargetNotCanonical,
    SignatureWrongPurpose,
    Tag,
)
from api.platform.tokens import Claims, TokenInvalid, TokenMissing, verify_access_token
from api.requests import ApiRequest, client_address, has_body, signed_target
from api.throttling import spend_failed_proof

_API_KEY = re.compile(r"[Aa][Pp][Ii]-[Kk][Ee][Yy] (.*)", re.DOTALL)
_BEARER = re.compile(r"[Bb]earer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")

# What spends the address's budget: proofs that cannot be an honest client's on a bad day. Expired tokens, clocks that
# are off and repeated signatures happen to phones, thousands of which share one address of a carrier.
_FAILED_PROOFS = (
    ApiKeyInvalid,
    DeviceUnknown,
    KeySuperseded,
    SignatureInsufficientCoverage,
    SignatureInvalid,
    SignatureMalformed,
    SignatureTargetNotCanonical,
    SignatureWrongPurpose,
    TokenInvalid,
)


class DeviceAuthentication(BaseAuthentication):
    """Proves the caller of an `ApiView` by what the view says it takes (`signature_tag`, `takes_token`).

    DRF's user is the `Caller`; the request keeps the token's claims and the device or app key that signed.
    """

    def authenticate(self, request: Request) -> tuple[Caller, Claims | None]:
        assert isinstance(request, ApiRequest)
        view = request.parser_context["view"]
        request.begin()
        try:
            if view.takes_token:
                _read_authorization(request)
            if view.verifies_signature:
                _verify_signature(request, view.signature_tag, is_required=view.signature_is_required)
            if request.claims and request.signing_device and request.claims.device_id != request.signing_device.id:
                raise TokenInvalid("This token was not issued to the device that signed.")
        except _FAILED_PROOFS:
            spend_failed_proof(request)
            raise
        request.caller = _caller_of(request)
        request._request.caller = request.caller  # type: ignore[attr-defined]  # for the request's log line
        return request.caller, request.claims


def _read_authorization(request: ApiRequest) -> None:
    """Verifies the access token or the API key of the Authorization header, if there is one. Elsewhere none is looked for."""
    header = request.META.get("HTTP_AUTHORIZATION")
    if not header:
        return
    if form := _BEARER.fullmatch(header):
        request.claims = verify_access_token(form[1])
    elif form := _API_KEY.fullmatch(header):
        request.api_key = api_keys.verified(form[1])
    else:
        raise TokenInvalid


def require_token(request: ApiRequest) -> Claims:
    """Raises TokenMissing."""
    if request.claims is None:
        raise TokenMissing
    return request.claims


def _verify_signature(request: ApiRequest, tag: Tag, *, is_required: bool) -> None:
    """Verifies the request's signature if there is one, or one is required, and notes who signed."""
    signature_input, value = (request.META.get(name, "") for name in ("HTTP_SIGNATURE_INPUT", "HTTP_SIGNATURE"))
    if not signature_input and not value:
        if is_required:
            raise SignatureMissing(tag)
        return
    arrived_at = time.time()
    target = signed_target(request._request)
    signature = signing.parse(
        signature_input, value, request.META.get("HTTP_CONTENT_DIGEST", ""), tag=tag, has_body=target.has_body
    )
    signing.require_canonical(target, tag)
    signing.require_fresh(
        signature,
        arrived_at,
        past_seconds=settings.SIGNATURE_PAST_SECONDS,
        future_seconds=settings.SIGNATURE_FUTURE_SECONDS,
    )
    base = signing.signature_base(signature.params, signature.content_digest, target)
    if tag is Tag.REGISTER:
        request.signing_app_key = device_keys.verified_app_key(signature, base)
        nonces.remember(signature)
        _require_digest(request, signature)
        return
    device, generation = device_keys.verified_device(signature, base)
    nonces.remember(signature)
    if device.revoked_at is not None:
        raise DeviceRevoked
    _require_digest(request, signature)
    device_keys.confirm_generation(device, generation, tag)
    request.signing_device = device


def _require_digest(request: ApiRequest, signature: Signature) -> None:
    """Raises DigestMismatch when the body's bytes are not the signed ones, RequestDataTooBig when there are too many."""
    digest = request.digest() if has_body(request._request) else hashlib.sha256().digest()
    signed = base64.b64decode(signature.content_digest.removeprefix("sha-256=:").removesuffix(":"))
    if not hmac.compare_digest(digest, signed):
        raise DigestMismatch


def _caller_of(request: ApiRequest) -> Caller:
    address = client_address(request._request)
    request_id = getattr(request._request, "request_id", "")
    if claims := request.claims:
        return Caller(
            kind=ActorKind.USER if claims.user_id else ActorKind.DEVICE,
            channel=Channel.API,
            user_id=claims.user_id,
            device_id=claims.device_id,
            session_id=claims.session_id,
            is_guest=claims.is_guest,
            is_attested=claims.trust != Trust.UNATTESTED,
            memberships=request.memberships,
            address=address,
            request_id=request_id,
        )
    if key := request.api_key:
        return Caller(
            kind=ActorKind.API_KEY,
            channel=Channel.API,
            key_id=key.id,
            scopes=key.scopes,
            memberships=request.memberships,
            address=address,
            request_id=request_id,
        )
    device_id = request.signing_device.id if request.signing_device else None
    kind = ActorKind.DEVICE if device_id else ActorKind.ANONYMOUS
    return Caller(kind=kind, channel=Channel.API, device_id=device_id, address=address, request_id=request_id)
