"""Who a provider says somebody is (OpenID Connect): the one door to issuers, and to the id tokens that they sign.

An issuer's keys are fetched when they are first needed and kept by each process. Whatever an issuer does — nothing, too
slowly, too much — costs one thread a few seconds, and everybody else none while it is left alone.
"""

import hashlib
import hmac
import http.client
import json
import re
import threading
import time
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import jwt
import structlog
from django.conf import settings

from api.exceptions import ApiError

log = structlog.get_logger(__name__)

# Never `none`, never a MAC: whoever knew the public key could make those.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
TOKEN_MAX_CHARS = 16_384
ISSUER_MAX_CHARS = SUBJECT_MAX_CHARS = 255  # of ASCII (OpenID Connect Core §2)
# Google signs under two names, of which its discovery document tells one.
_OTHER_NAMES = {"https://accounts.google.com": "accounts.google.com"}

NAME_MAX_CHARS = 32
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_FRESH_SECONDS = 3600
_KEPT_SECONDS = 24 * 3600  # while the issuer cannot be asked
_REFETCH_SECONDS = 60  # at least, between two fetches for keys that are not there
_BACK_OFF_SECONDS = 10
_LEEWAY_SECONDS = 60
_DOCUMENT_MAX_BYTES = 256 * 1024
_READ_BYTES = 16 * 1024


class ProviderUnavailable(ApiError):
    """The provider's keys cannot be fetched at present. The identity token stays good until its own time is over."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "provider_unavailable"
    title = "The provider does not answer"
    detail = "Nothing was changed. Try again after the time in Retry-After."


class TokenNotGood(Exception):
    """An id token that does not hold; the text says what is wrong, for the operator."""


class Provider(NamedTuple):
    """An issuer that may sign people in, and the clients (apps) to which its tokens may be addressed."""

    name: str
    issuer: str
    client_ids: frozenset[str]


class Identity(NamedTuple):
    """Whom an id token is about: (issuer, subject). `email` is there only if the issuer says that it was verified."""

    issuer: str
    subject: str
    email: str | None


def providers() -> Mapping[str, Provider]:
    """The providers that are set up, by name; none by default. Raises ValueError where OIDC_PROVIDERS is unusable."""
    return {name: _provider(name, entry) for name, entry in settings.OIDC_PROVIDERS.items()}


def _provider(name: str, entry: Any) -> Provider:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name: lower-case letters, digits and hyphens")
    if not isinstance(entry, dict) or entry.keys() != {"issuer", "client_ids"}:
        raise ValueError(f"{name} needs an issuer and client_ids, and nothing else")
    issuer, client_ids = entry["issuer"], entry["client_ids"]
    if not isinstance(issuer, str) or not _is_address(issuer) or "?" in issuer or len(issuer) > ISSUER_MAX_CHARS:
        raise ValueError(f"the issuer of {name} is no https:// address")
    if (
        not isinstance(client_ids, list)
        or not client_ids
        or not all(isinstance(one, str) and one for one in client_ids)
    ):
        raise ValueError(f"the client_ids of {name} are a list of texts, at least one")
    return Provider(name, issuer, frozenset(client_ids))


def _is_address(url: str) -> bool:
    """Whether it may be asked: over TLS; the embedded default, which runs beside its issuer, needs none."""
    parts = urlsplit(url)
    schemes = {"https", "http"} if settings.EMBEDDED else {"https"}
    return (
        url.isascii() and url.isprintable() and bool(parts.hostname) and parts.scheme in schemes and not parts.fragment
    )


def verified(provider: Provider, token: str, *, nonce: str) -> Identity:
    """Whom a token, made for one of our clients and for this nonce, is about. Raises TokenNotGood, ProviderUnavailable."""
    try:
        header = jwt.get_unverified_header(token)
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(kid, str) or algorithm not in ALGORITHMS or str(header.get("typ", "JWT")).upper() != "JWT":
            raise TokenNotGood("header")
        names = {provider.issuer, _OTHER_NAMES.get(provider.issuer, provider.issuer)}
        claims = jwt.decode(
            token,
            _keys_of(provider.issuer).material(kid, algorithm),
            algorithms=[algorithm],
            issuer=names,
            audience=provider.client_ids,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"], "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise TokenNotGood(type(error).__name__) from error
    _require_ours(provider, claims)
    _require_nonce(claims["nonce"], nonce)
    return Identity(provider.issuer, _subject_of(claims), _email_of(claims))


def _require_ours(provider: Provider, claims: Mapping[str, Any]) -> None:
    """Every audience, and the party that the token was issued to, is a client of ours (Core §3.1.3.7)."""
    audience, party = claims["aud"], claims.get("azp")
    audiences = [audience] if isinstance(audience, str) else audience
    if not provider.client_ids.issuperset(audiences):
        raise TokenNotGood("aud")
    is_ours = isinstance(party, str) and party in provider.client_ids
    if not is_ours and (party is not None or len(audiences) > 1):
        raise TokenNotGood("azp")


def _require_nonce(claimed: object, nonce: str) -> None:
    """The token carries the nonce itself, or its SHA-256 in hexadecimal: several kits for Sign in with Apple hash it."""
    hashed = hashlib.sha256(nonce.encode()).hexdigest()
    said = str(claimed).encode("utf-8", "replace")
    if not (hmac.compare_digest(said, nonce.encode()) or hmac.compare_digest(said, hashed.encode())):
        raise TokenNotGood("nonce")


def _subject_of(claims: Mapping[str, Any]) -> str:
    subject = str(claims["sub"])
    if not subject or not subject.isascii() or not subject.isprintable() or len(subject) > SUBJECT_MAX_CHARS:
        raise TokenNotGood("sub")
    return subject


def _email_of(claims: Mapping[str, Any]) -> str | None:
    """The address, if it was verified, which Apple says in a string."""
    email, is_verified = claims.get("email"), claims.get("email_verified")
    return email if isinstance(email, str) and (is_verified is True or is_verified == "true") else None


class _Key(NamedTuple):
    material: Any
    algorithm: str | None  # the only one that it is for, if the issuer says so


class _Unreachable(Exception):
    """The issuer gave no keys; the text says why, for the operator."""


class _Keys:
    """The public keys of an issuer, by id."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._lock = threading.Lock()
        self._keys: dict[str, _Key] = {}
        self._fetched_at = self._asked_at = 0.0
        self._pause_seconds = 0

    def material(self, kid: str, algorithm: str) -> Any:
        """The key of an id, if it is for the algorithm. Raises TokenNotGood, ProviderUnavailable."""
        found = self._known(kid, _FRESH_SECONDS)
        if found is None:
            # One thread asks; the others wait for its answer, or for its failure, and do not repeat it.
            with self._lock:
                found = self._known(kid, _FRESH_SECONDS) or self._asked_for(kid)
        if found.algorithm not in {None, algorithm}:
            raise TokenNotGood("alg")
        return found.material

    def _known(self, kid: str, seconds: int) -> _Key | None:
        return self._keys.get(kid) if 0 <= time.time() - self._fetched_at < seconds else None

    def _asked_for(self, kid: str) -> _Key:
        if not 0 <= time.time() - self._asked_at < self._pause_seconds:
            self._ask()
        found = self._known(kid, _KEPT_SECONDS)
        if found is not None:
            return found
        if self._fetched_at == self._asked_at:
            raise TokenNotGood("kid")
        raise ProviderUnavailable(headers={"Retry-After": str(_BACK_OFF_SECONDS)})

    def _ask(self) -> None:
        self._asked_at = time.time()
        try:
            self._keys = _published_keys(self._issuer)
        except _Unreachable as error:
            log.warning("oidc.issuer_unreachable", issuer=self._issuer, reason=str(error))
            self._pause_seconds = _BACK_OFF_SECONDS
        else:
            self._fetched_at, self._pause_seconds = self._asked_at, _REFETCH_SECONDS


_keys_by_issuer: dict[str, _Keys] = {}


def _keys_of(issuer: str) -> _Keys:
    return _keys_by_issuer.setdefault(issuer, _Keys(issuer))


def forget_keys() -> None:
    """Lets this process ask every issuer anew."""
    _keys_by_issuer.clear()


def _published_keys(issuer: str) -> dict[str, _Key]:
    """What the issuer's discovery document leads to. Raises _Unreachable."""
    document = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        raise _Unreachable("the discovery document names another issuer")
    listed = _fetched(str(document.get("jwks_uri"))).get("keys")
    return dict(filter(None, map(_key_of, listed if isinstance(listed, list) else [])))


def _key_of(jwk: Any) -> tuple[str, _Key] | None:
    """A key that signs, by its id; None for what is of no use here, which issuers may list beside it."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str) or jwk.get("use", "sig") != "sig":
        return None
    algorithm = jwk.get("alg")
    if jwk.get("kty") == "oct" or "d" in jwk or algorithm not in {None, *ALGORITHMS}:
        return None
    try:
        return jwk["kid"], _Key(jwt.PyJWK(jwk).key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """An issuer answers at the address that it names, which was looked at."""


_opener = urllib.request.build_opener(_NoRedirects)


def _fetched(url: str) -> dict[str, Any]:
    """A JSON object, of a limited size and within a limited time. Raises _Unreachable."""
    give_up_at = time.monotonic() + settings.OIDC_TIMEOUT_SECONDS
    try:
        if not _is_address(url):
            raise _Unreachable("not an https:// address")
        with _opener.open(url, timeout=settings.OIDC_TIMEOUT_SECONDS) as response:
            body = b""
            while piece := response.read1(_READ_BYTES):
                body += piece
                if len(body) > _DOCUMENT_MAX_BYTES or time.monotonic() > give_up_at:
                    raise _Unreachable("too long")
        document = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise _Unreachable(f"{type(error).__name__}: {error}") from error
    if not isinstance(document, dict):
        raise _Unreachable("no JSON object")
    return document
