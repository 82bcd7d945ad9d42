"""API keys as text: how they are made, and whom one belongs to.

`hs_live_`, ten characters that name the key, thirty-two that are secret, six of checksum; all base62, so that scanners
for leaked secrets know one by its form and need not ask us whether it is one.
"""

import hashlib
import hmac
import re
import secrets
import string
import uuid
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from api.exceptions import ApiError
from api.models import ApiKey
from api.platform.callers import Member
from api.platform.statements import Rows, statement
from api.platform.transactions import is_read_only

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_START, _NAME_CHARS, _SECRET_CHARS, _CHECKSUM_CHARS = "hs_live_", 10, 32, 6
_FORM = re.compile(rf"{_START}[0-9A-Za-z]{{{_NAME_CHARS + _SECRET_CHARS + _CHECKSUM_CHARS}}}")
PREFIX_CHARS = len(_START) + _NAME_CHARS
_USE_NOTED_SECONDS = 60


class ApiKeyInvalid(ApiError):
    """Malformed, unknown, expired, revoked, or its holder has left: one answer for all of them."""

    status = HTTPStatus.UNAUTHORIZED
    code = "api_key_invalid"
    title = "The API key is not valid"
    remedy = "Give up, and ask an admin of the organization for a key."


class KeyClaims(NamedTuple):
    """What a verified key says of itself. `holder_id` is whose role bounds it."""

    id: uuid.UUID
    organization_id: uuid.UUID
    holder_id: uuid.UUID
    scopes: frozenset[str]
    last_used_at: datetime | None


def new_key() -> str:
    body = _START + "".join(secrets.choice(_BASE62) for _ in range(_NAME_CHARS + _SECRET_CHARS))
    return body + _checksum(body)


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while len(digits) < _CHECKSUM_CHARS:
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits


def digest_of(key: str) -> bytes:
    """What is stored of a key: it has 190 random bits, so that a plain digest gives nothing away."""
    return hashlib.sha256(key.encode()).digest()


def verified(key: str) -> KeyClaims:
    """Whose key this is. Raises ApiKeyInvalid."""
    if _FORM.fullmatch(key) is None or _checksum(key[:-_CHECKSUM_CHARS]) != key[-_CHECKSUM_CHARS:]:
        raise ApiKeyInvalid
    row = _key(key[:PREFIX_CHARS]).first()
    if row is None or not hmac.compare_digest(bytes(row["digest"]), digest_of(key)) or not _lives(row):
        raise ApiKeyInvalid
    return KeyClaims(row["id"], row["organization_id"], row["holder_id"], frozenset(row["scopes"]), row["last_used_at"])


@statement
def _key(prefix: Any) -> Rows:
    return ApiKey.objects.filter(prefix=prefix).values(
        "id",
        "digest",
        "organization_id",
        "holder_id",
        "membership_id",
        "scopes",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "organization__deleted_at",
        "holder__is_active",
    )


def _lives(row: Mapping[str, Any]) -> bool:
    is_over = row["revoked_at"] is not None or (row["expires_at"] is not None and row["expires_at"] <= timezone.now())
    has_holder = row["membership_id"] is not None and bool(row["holder__is_active"])
    return not is_over and has_holder and row["organization__deleted_at"] is None


def place_of(key: KeyClaims, memberships: Mapping[uuid.UUID, Member]) -> dict[uuid.UUID, Member]:
    """Where the key may do something: its organization, in its holder's role, which is the key's own place.

    Raises ApiKeyInvalid where the holder has no place by now.
    """
    place = memberships.get(key.organization_id)
    if place is None:
        raise ApiKeyInvalid
    return {key.organization_id: place._replace(is_own=True)}


def note_use(key: KeyClaims, address: str | None) -> None:
    """Notes when and from where a key was used, at most once a minute. A database that takes no writes at present does
    not keep anybody from reading.
    """
    now = timezone.now()
    before = now - timedelta(seconds=_USE_NOTED_SECONDS)
    if key.last_used_at is not None and key.last_used_at > before:
        return
    try:
        rows = ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=before), id=key.id)
        rows.update(last_used_at=now, last_used_address=address)
    except DatabaseError as error:
        if not is_read_only(error):
            raise
