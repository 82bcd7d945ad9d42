"""Keys: rings from the settings, derivation (HKDF), sealing of columns (AES-256-GCM), and their base64url spelling."""

import base64
import binascii
import functools
import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def b64url(data: bytes) -> str:
    """Base64url without padding: how every secret, proof and coordinate is spelled."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The bytes of a base64url text without padding.

    Raises ValueError for any other spelling, also for one that decodes to the same bytes.
    """
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
    if b64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


class Ring(NamedTuple):
    """Symmetric keys by id; `current` makes new things, the others still open old ones."""

    current: str
    keys: dict[str, bytes]


@functools.cache
def ring(text: str) -> Ring:
    """The ring that `kid:base64url,kid:base64url` spells. Raises ValueError."""
    keys: dict[str, bytes] = {}
    for entry in text.split(","):
        kid, separator, encoded = entry.strip().partition(":")
        if not separator or not kid or kid in keys or len(kid) > 32:
            raise ValueError("write a ring as kid:base64url,kid:base64url with distinct ids")
        keys[kid] = unb64url(encoded)
        if len(keys[kid]) < 32:
            raise ValueError(f"the key {kid} has less than 32 bytes")
    return Ring(next(iter(keys)), keys)


def derive(key: bytes, *, info: bytes, salt: bytes | None = None) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


@functools.cache
def _purpose_key(secret: str, purpose: str) -> bytes:
    return derive(secret.encode(), info=b"handset/v1|" + purpose.encode())


def purpose_key(purpose: str) -> bytes:
    """The server's own key for one purpose (`cursor`, `refresh`, …), so that no token can pass for another kind."""
    return _purpose_key(settings.SECRET_KEY, purpose)


def device_secret(*, kid: str, enrol_digest: bytes, device_id: str, generation: int) -> bytes:
    """The HMAC secret of a device's generation. Raises KeyError when the master key has left the ring."""
    info = f"devauth/v1|hmac-sha256|{kid}|{device_id}|{generation}"
    return derive(ring(settings.DEVICE_MASTER_KEYS).keys[kid], salt=enrol_digest, info=info.encode())


def seal(plain: bytes, *, context: str) -> str:
    """`plain` encrypted under the current field key; `context` (table and row) must be given again to open it."""
    kid, keys = ring(settings.FIELD_KEYS)
    nonce = os.urandom(12)
    return f"{kid}.{b64url(nonce + AESGCM(keys[kid]).encrypt(nonce, plain, context.encode()))}"


def unseal(sealed: str, *, context: str) -> bytes:
    """What `seal` encrypted. Raises ValueError when the key is gone or the text was changed or moved."""
    kid, _, encoded = sealed.partition(".")
    data = unb64url(encoded)
    try:
        return AESGCM(ring(settings.FIELD_KEYS).keys[kid]).decrypt(data[:12], data[12:], context.encode())
    except (KeyError, InvalidTag) as error:
        raise ValueError("this sealed value cannot be opened with the field keys") from error
