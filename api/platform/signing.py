"""The request signature, profile `devauth-v1`: HTTP Message Signatures (RFC 9421) frozen to one shape.

Because the shape is frozen, verification is two anchored regular expressions, a string template and one MAC. Nothing
here touches a store: whose key it is, whether it was seen before and whether the body fits is decided by the caller, in
the order that `api.authentication` spells out.
"""

import base64
import functools
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from api.exceptions import ApiError
from api.platform.keys import b64url, unb64url

HEADER_MAX_BYTES = 2048


class Tag(StrEnum):
    """What a signature is for; one for another purpose never counts."""

    REGISTER = "devauth-v1-register"  # by an app key
    TOKEN = "devauth-v1-token"  # noqa: S105 -- a tag's name; by a device key, before it has a token
    REQUEST = "devauth-v1-req"  # by a device key, covering the access token


class SignatureRefused(ApiError):
    """A signature that is missing or does not hold. `Accept-Signature` (RFC 9421 §5.1) says what would."""

    status = HTTPStatus.UNAUTHORIZED
    remedy = "Give up: the client signs wrongly. Compare with the vectors, and with what device/verify-signature/ saw."

    def __init__(self, tag: Tag = Tag.REQUEST, detail: str | None = None, **members: Any) -> None:
        components = '"@method" "@authority" "@path" "@query" "content-digest" "content-type"'
        if tag is Tag.REQUEST:
            components += ' "authorization"'
        accept = f'sig=({components});created;nonce;alg;keyid;tag="{tag}"'
        super().__init__(detail, headers={"Accept-Signature": accept}, **members)


class SignatureMissing(SignatureRefused):
    """The call has to be signed and is not, or one of the three headers is absent."""

    code = "signature_missing"
    title = "The request is not signed"
    remedy = "Sign the call: Signature-Input, Signature and Content-Digest belong together."


class SignatureMalformed(SignatureRefused):
    """Not the form of the profile: too long, duplicated, not ASCII, another spelling."""

    code = "signature_malformed"
    title = "The signature headers do not have the form of the profile"


class SignatureInsufficientCoverage(SignatureRefused):
    """Other components are covered than the profile asks for here."""

    code = "signature_insufficient_coverage"
    title = "The signature does not cover what it has to"


class SignatureWrongPurpose(SignatureRefused):
    """The tag, or the kind of key, belongs to other endpoints."""

    code = "signature_wrong_purpose"
    title = "The signature was made for another purpose"


class SignatureTargetNotCanonical(SignatureRefused):
    """The path or query has more than one spelling, or the authority is not ours."""

    code = "signature_target_not_canonical"
    title = "The address is not one that can be signed"


class SignatureInvalid(SignatureRefused):
    """The key did not make this signature over what arrived."""

    code = "signature_invalid"
    title = "The signature does not hold"


class ClockSkew(SignatureRefused):
    """Too old or too far ahead; `server_time` lets the client correct its offset."""

    code = "clock_skew"
    title = "The time of the signature is too far from the server's"
    remedy = "Correct the clock, sign anew: keep the offset to `server_time`, repeat up to three times."


class DigestMismatch(ApiError):
    """The signature holds, but the body's bytes are not the ones that Content-Digest names."""

    status = HTTPStatus.BAD_REQUEST
    code = "digest_mismatch"
    title = "The body is not the one that was signed"


_COMPONENTS = re.compile(
    r'"@method" "@authority" "@path" "@query" "content-digest"( "content-type")?( "authorization")?'
)
_SIGNATURE_INPUT = re.compile(
    r'sig=(\(((?:"[a-z@-]{1,32}"(?: (?=")|(?=\))))*)\)'
    r";created=([0-9]{1,12})"
    r';nonce="([A-Za-z0-9_-]{22,43})"'
    r';alg="(hmac-sha256|ecdsa-p256-sha256)"'
    r';keyid="((?:app|dev):[A-Za-z0-9._:-]{1,120})"'
    r';tag="(devauth-v1-(?:register|token|req))")'
)
_SIGNATURE = re.compile(r"sig=:([A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==):")
_CONTENT_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_PATH_TRICK = re.compile(r"//|/\.\.?(?:/|$)")
_QUERY = re.compile(r"\?[\x21-\x7e]*")
_HEADER = re.compile(r"[\t\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request was sent to and with, exactly as it came over the wire. `query` begins with `?`."""

    method: str
    authority: str
    path: str
    query: str
    has_body: bool
    content_type: str
    authorization: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A well-formed signature: not yet one that holds."""

    params: str
    created: int
    nonce: str
    algorithm: str
    keyid: str
    tag: Tag
    value: bytes
    content_digest: str


def tag_of(signature_input: str) -> Tag:
    """What a signature says it is for; TOKEN where that cannot be read."""
    form = _SIGNATURE_INPUT.fullmatch(signature_input)
    return Tag(form[7]) if form else Tag.TOKEN


def parse(signature_input: str, signature: str, content_digest: str, *, tag: Tag, has_body: bool) -> Signature:
    """Checks the three headers' form, their purpose and their coverage; `tag` is what the endpoint expects.

    Duplicated headers arrive joined by a comma, which the anchored forms do not know. Raises SignatureRefused.
    """
    headers = (signature_input, signature, content_digest)
    if not all(headers):
        raise SignatureMissing(tag, "Send Signature-Input, Signature and Content-Digest together.")
    if any(len(header) > HEADER_MAX_BYTES or not header.isascii() for header in headers):
        raise SignatureMalformed(tag)
    form = _SIGNATURE_INPUT.fullmatch(signature_input)
    value = _SIGNATURE.fullmatch(signature)
    if form is None or value is None or _CONTENT_DIGEST.fullmatch(content_digest) is None:
        raise SignatureMalformed(tag)
    params, components, created, nonce, algorithm, keyid, presented_tag = form.groups()
    if presented_tag != tag:
        raise SignatureWrongPurpose(tag)
    coverage = _COMPONENTS.fullmatch(components)
    if coverage is None or bool(coverage[1]) != has_body or bool(coverage[2]) != (tag is Tag.REQUEST):
        raise SignatureInsufficientCoverage(tag)
    return Signature(params, int(created), nonce, algorithm, keyid, tag, base64.b64decode(value[1]), content_digest)


def require_canonical(target: Target, tag: Tag) -> None:
    """Refuses an address with more than one spelling, and headers that the base cannot spell.

    Raises SignatureTargetNotCanonical, SignatureMalformed.
    """
    if (
        _PATH.fullmatch(target.path) is None
        or _PATH_TRICK.search(target.path)
        or _QUERY.fullmatch(target.query) is None
    ):
        raise SignatureTargetNotCanonical(tag)
    if _HEADER.fullmatch(target.content_type) is None or _HEADER.fullmatch(target.authorization) is None:
        raise SignatureMalformed(tag)


def require_fresh(signature: Signature, now: float, *, past_seconds: int, future_seconds: int) -> None:
    """Raises ClockSkew for a signature made too long ago or in the future."""
    if not now - past_seconds <= signature.created <= now + future_seconds:
        raise ClockSkew(signature.tag, server_time=int(now))


def signature_base(params: str, content_digest: str, target: Target) -> bytes:
    """The bytes that are signed (RFC 9421 §2.5). What `require_canonical` refuses may become `?` here."""
    lines = [
        f'"@method": {target.method}',
        f'"@authority": {target.authority}',
        f'"@path": {target.path}',
        f'"@query": {target.query}',
        f'"content-digest": {content_digest}',
    ]
    if '"content-type"' in params:
        lines.append(f'"content-type": {target.content_type}')
    if '"authorization"' in params:
        lines.append(f'"authorization": {target.authorization}')
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines).encode("ascii", "replace")


def verify_hmac(secret: bytes, base: bytes, value: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(secret, base, "sha256"), value)


def sign_hmac(secret: bytes, base: bytes) -> str:
    """The base64 of the Signature header's value."""
    return base64.b64encode(hmac.digest(secret, base, "sha256")).decode()


def verify_p256(jwk: dict[str, str], base: bytes, value: bytes) -> bool:
    """Whether `value` is r‖s (64 bytes; never DER) over `base` by the key of `jwk`. Any other length is false."""
    if len(value) != 64:
        return False
    der = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    try:
        _public_key(jwk["x"], jwk["y"]).verify(der, base, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


@functools.lru_cache(maxsize=4096)
def _public_key(x: str, y: str) -> ec.EllipticCurvePublicKey:
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64url(x)), int.from_bytes(unb64url(y)), ec.SECP256R1())
    return numbers.public_key()


def parse_jwk(jwk: object) -> dict[str, str]:
    """A P-256 public key as JWK (RFC 7517), reduced to kty, crv, x, y. Raises ValueError when it is not one."""
    if not isinstance(jwk, dict) or set(jwk) != {"kty", "crv", "x", "y"}:
        raise ValueError("a P-256 JWK has exactly kty, crv, x and y")
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256") or not all(isinstance(jwk[name], str) for name in ("x", "y")):
        raise ValueError("only EC keys on P-256 are taken")
    if any(len(unb64url(jwk[name])) != 32 for name in ("x", "y")):
        raise ValueError("coordinates have 32 bytes")
    _public_key(jwk["x"], jwk["y"])  # raises ValueError for a point that is not on the curve
    return {"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"]}


def key_proof_message(install_id: str, enrol_digest: bytes) -> bytes:
    """What a device signs to prove that it holds the private half of the public key it brings."""
    return f"devauth-v1-key|{install_id}|{b64url(enrol_digest)}".encode()


def content_digest(body: bytes) -> str:
    """The Content-Digest header of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
