"""Request signatures by profile `devauth-v1`, which stands on RFC 9421 and RFC 9530.

Those leave much to choose. The profile has chosen: one label, one order of components, one spelling of each. What
follows is a template being filled in, the same input always giving the same base.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Tag(StrEnum):
    """What a signature is for (RFC 9421 §2.3); one for another purpose counts for nothing."""

    REGISTER = "devauth-v1-register"  # by an app key
    TOKEN = "devauth-v1-token"  # noqa: S105 -- a tag's name; by a device key, without a token
    REQUEST = "devauth-v1-req"  # by a device key, covers the access token


class Key(Protocol):
    """Whatever can sign: a secret in memory, or a handle on hardware."""

    @property
    def algorithm(self) -> str:
        """The name in the HTTP Signature Algorithms registry (RFC 9421 §6.2)."""

    def sign(self, signature_base: bytes) -> bytes:
        """The raw signature: 32 bytes of HMAC, or r‖s of ECDSA in 64 bytes (RFC 9421 §3.3)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The three headers that signing adds, and the base, to compare with what a server saw."""

    headers: dict[str, str]
    base: str


def sign(
    method: str,
    url: str,
    body: bytes = b"",
    *,
    key: Key,
    keyid: str,
    tag: Tag,
    created: int,
    nonce: str,
    content_type: str = "",
    authorization: str = "",
) -> Signature:
    """Signs one attempt of a request.

    `url` and `body` are taken exactly as they will be sent. `created` is in Unix seconds by the
    server's clock; `nonce` (see `new_nonce`) is good once. `content_type` counts when there is a
    body, `authorization` when the tag is REQUEST.
    """
    target = urlsplit(url)
    digest = content_digest(body)
    covered = {
        "@method": method,
        "@authority": target.netloc.lower().removesuffix(_DEFAULT_PORTS[target.scheme]),
        "@path": target.path,
        "@query": f"?{target.query}",
        "content-digest": digest,
    }
    if body:
        covered["content-type"] = content_type
    if tag is Tag.REQUEST:
        covered["authorization"] = authorization
    components = " ".join(f'"{name}"' for name in covered)
    params = f'({components});created={created};nonce="{nonce}";alg="{key.algorithm}";keyid="{keyid}";tag="{tag}"'
    lines = [f'"{name}": {value}' for name, value in covered.items()]  # RFC 9421 §2.5
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    value = base64.b64encode(key.sign(base.encode("ascii"))).decode()
    headers = {
        "Content-Digest": digest,
        "Signature-Input": f"sig={params}",
        "Signature": f"sig=:{value}:",
    }
    return Signature(headers, base)


def content_digest(body: bytes) -> str:
    """The Content-Digest header of a body as sent (RFC 9530 §2); of nothing when there is none."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def new_nonce() -> str:
    """128 random bits as 22 base64url characters; every attempt needs its own."""
    return secrets.token_urlsafe(16)
