"""Tokens: access tokens (SimpleJWT, our own key ring) and refresh tokens (a counter under a MAC, nothing stored)."""

import functools
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    ExpiredTokenError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.tokens import AccessToken as SimpleAccessToken

from api.exceptions import ApiError
from api.models import Session
from api.platform import metrics
from api.platform.keys import b64url, purpose_key

ACCESS_TOKEN_MAX_CHARS = 4096
_ALGORITHM = "ES256"
_TYPE = "at+jwt"  # RFC 9068 §2.1


class TokenRefused(ApiError):
    """A token that is missing or not good (RFC 6750 §3.1)."""

    status = HTTPStatus.UNAUTHORIZED
    remedy = "Get a token."


class TokenMissing(TokenRefused):
    """The call needs an access token in the Authorization header; elsewhere none is looked for."""

    code = "token_missing"
    title = "An access token is needed"
    detail = "Send `Authorization: Bearer <access token>`."
    remedy = "Get a token."


class TokenInvalid(TokenRefused):
    """Not a token of ours, not for this use, or issued to another device."""

    code = "token_invalid"
    title = "The token is not valid"
    remedy = "Get a token."


class TokenExpired(TokenRefused):
    """The access token is past its time; they live for minutes."""

    code = "token_expired"
    title = "The access token has expired"
    detail = "Refresh it."
    remedy = "Refresh, else get a token."


class TokenRevoked(TokenRefused):
    """Signed out, replaced by a newer session, or ended by staff. Refresh, else ask by auth/get-token/."""

    code = "token_revoked"
    title = "The session of this token has ended"
    remedy = "Refresh, else get a token."


class SigningKey(NamedTuple):
    """A P-256 key of the ring. `kid` is the beginning of its thumbprint (RFC 7638)."""

    kid: str
    status: str  # next | current | retired: all verify, only the first current one signs
    private: ec.EllipticCurvePrivateKey
    jwk: dict[str, str]


@functools.cache
def signing_keys(text: str) -> tuple[SigningKey, ...]:
    """The ring that JWT_SIGNING_KEYS spells (see core.settings.security). Raises ValueError, OSError."""
    if text.startswith("["):
        entries = [(entry["pem"], entry["status"]) for entry in json.loads(text)]
    elif text.startswith("-----BEGIN"):
        entries = [(text, "current")]
    else:
        paths = [Path(path.strip()) for path in text.split(",") if path.strip()]
        entries = [(path.read_text(), "retired" if index else "current") for index, path in enumerate(paths)]
    keys = tuple(_signing_key(pem, status) for pem, status in entries)
    if not any(key.status == "current" for key in keys):
        raise ValueError("the ring has no current key")
    return keys


def _signing_key(pem: str, status: str) -> SigningKey:
    private = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ValueError("a signing key is an EC key on P-256")
    if status not in {"next", "current", "retired"}:
        raise ValueError("status is next, current or retired")
    point = private.public_key().public_numbers()
    jwk = {"crv": "P-256", "kty": "EC", "x": b64url(point.x.to_bytes(32)), "y": b64url(point.y.to_bytes(32))}
    thumbprint = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    return SigningKey(b64url(thumbprint)[:16], status, private, jwk)


def jwks() -> dict[str, list[dict[str, str]]]:
    """The public halves of the ring, for whoever verifies our tokens (RFC 7517)."""
    return {
        "keys": [
            {**key.jwk, "kid": key.kid, "alg": _ALGORITHM, "use": "sig"}
            for key in signing_keys(settings.JWT_SIGNING_KEYS)
        ]
    }


class _RingBackend(TokenBackend):
    """SimpleJWT's codec with a local key ring: the key is chosen by `kid`, and no header can name another one."""

    def __init__(self) -> None:
        super().__init__(_ALGORITHM)

    def encode(self, payload: dict[str, Any]) -> str:
        keys = signing_keys(settings.JWT_SIGNING_KEYS)
        key = next(key for key in keys if key.status == "current")
        claims = payload | {"iss": settings.JWT_ISSUER, "aud": settings.JWT_AUDIENCE, "nbf": payload["iat"]}
        return jwt.encode(claims, key.private, _ALGORITHM, headers={"typ": _TYPE, "kid": key.kid})

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if set(header) != {"alg", "typ", "kid"} or header["typ"] != _TYPE or header["alg"] != _ALGORITHM:
                raise TokenBackendError("unexpected header")
            keys = {key.kid: key for key in signing_keys(settings.JWT_SIGNING_KEYS)}
            if header["kid"] not in keys:
                raise TokenBackendError("unknown key")
            return jwt.decode(
                token,
                keys[header["kid"]].private.public_key(),
                algorithms=[_ALGORITHM],
                audience=settings.JWT_AUDIENCE,
                issuer=settings.JWT_ISSUER,
                options={"require": ["iss", "aud", "iat", "nbf", "exp", "jti", "did", "sid"], "verify_sub": False},
                leeway=timedelta(seconds=5),
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken("expired") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise TokenBackendError("invalid") from error


class AccessToken(SimpleAccessToken):
    """Says which device, which session and which person; lives `ACCESS_TOKEN_SECONDS`."""

    _token_backend = _RingBackend()

    def __init__(self, token: Any = None, verify: bool = True) -> None:
        self.lifetime = timedelta(seconds=settings.ACCESS_TOKEN_SECONDS)
        super().__init__(token, verify)

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Expiry to the second (the codec's leeway is for clocks that are behind the issuer's), told apart from forgery."""
        try:
            super().check_exp(claim, current_time)
        except TokenError as error:
            raise ExpiredTokenError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says. Times in seconds since the epoch."""

    session_id: uuid.UUID
    device_id: uuid.UUID
    user_id: uuid.UUID | None
    is_guest: bool
    amr: tuple[str, ...]
    auth_time: int
    scope: str
    trust: str
    issued_at: int
    expires_at: int
    is_first_of_session: bool


def issue_access_token(session: Session) -> str:
    """An access token of `session` (with `device` and `user` loaded).

    While nobody has used the session, its tokens say so: whoever sees the first one records the use.
    """
    token = AccessToken()
    token["did"], token["sid"] = str(session.device_id), str(session.id)
    token["atl"] = session.device.trust
    token["amr"], token["auth_time"] = session.amr, int(session.auth_time.timestamp())
    token["is_guest"], token["scope"] = False, "device"
    if session.user is not None:
        token["sub"], token["is_guest"], token["scope"] = str(session.user_id), session.user.is_guest, "person"
    if session.device.public_key is not None:
        token["cnf"] = {"jkt": _thumbprint(session.device.public_key)}  # RFC 7800, RFC 9449 §6.1
    if session.first_used_at is None:
        token["first"] = True
    metrics.TOKENS.labels(token["scope"]).inc()
    return str(token)


def _thumbprint(jwk: dict[str, str]) -> str:
    return b64url(hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest())


_VERIFIED_MAX = 10_000
_verified: dict[bytes, Claims] = {}


def verify_access_token(raw: str) -> Claims:
    """The claims of an access token. Stateless: whether its session still lives is the gate's business.

    A token that was verified is remembered in the process until it expires. Raises TokenInvalid, TokenExpired.
    """
    if len(raw) > ACCESS_TOKEN_MAX_CHARS or not raw.isascii():
        raise TokenInvalid
    digest = hashlib.sha256(raw.encode()).digest()
    claims = _verified.get(digest)
    if claims is None:
        claims = _decode(raw)
        if len(_verified) >= _VERIFIED_MAX:
            _verified.clear()
        _verified[digest] = claims
    elif claims.expires_at <= time.time():
        _verified.pop(digest, None)
        raise TokenExpired
    return claims


def _decode(raw: str) -> Claims:
    try:
        payload = AccessToken(raw).payload
        times = [payload[name] for name in ("iat", "nbf", "exp", "auth_time")]
        if any(type(moment) is not int or not 0 < moment < 2**40 for moment in times):
            raise TokenInvalid
        return Claims(
            session_id=uuid.UUID(payload["sid"]),
            device_id=uuid.UUID(payload["did"]),
            user_id=uuid.UUID(payload["sub"]) if "sub" in payload else None,
            is_guest=bool(payload["is_guest"]),
            amr=tuple(payload["amr"]),
            auth_time=payload["auth_time"],
            scope=str(payload["scope"]),
            trust=str(payload["atl"]),
            issued_at=payload["iat"],
            expires_at=payload["exp"],
            is_first_of_session="first" in payload,
        )
    except ExpiredTokenError as error:
        raise TokenExpired from error
    except (TokenError, KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise TokenInvalid from error


def issue_refresh_token(session: Session) -> str:
    """`rt1.<session id>.<counter>.<mac>`: the same session and counter always make the same token."""
    return _refresh_token(session.id, session.refresh_counter)


def _refresh_token(session_id: uuid.UUID, counter: int) -> str:
    body = f"rt1.{session_id}.{counter}"
    return f"{body}.{b64url(hmac.digest(purpose_key('refresh'), body.encode(), 'sha256'))}"


def parse_refresh_token(raw: str) -> tuple[uuid.UUID, int]:
    """The session and the counter of a refresh token that we made. Raises TokenInvalid."""
    parts = raw.split(".")
    if len(raw) > 128 or not raw.isascii() or len(parts) != 4 or not parts[2].isdigit():
        raise TokenInvalid
    try:
        session_id = uuid.UUID(parts[1])
    except ValueError as error:
        raise TokenInvalid from error
    expected = _refresh_token(session_id, int(parts[2]))
    if not hmac.compare_digest(expected.encode(), raw.encode()):
        raise TokenInvalid
    return session_id, int(parts[2])
