"""What every table shares: version 7 identifiers, time stamps, and columns that compare byte by byte everywhere.

The only living module that migrations may import: what is named here stays, and keeps its meaning.
"""

import os
import time
import unicodedata
import uuid
from typing import Any, TypeVar

import idna
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

IDENTITY_MAX_BYTES = 255  # of UTF-8: what an InnoDB index takes without a prefix, in any combination we use


def uuid7() -> uuid.UUID:
    """A UUID whose first 48 bits are the milliseconds since the epoch, so that new rows land together (RFC 9562 §5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def identity_of(text: str) -> str:
    """The form under which two spellings are the same name: NFKC and case-folded, so that `Ｚoë` is `zoë`.

    Of an address that is the local part; the domain is told apart as the name system does it: `straße.de` and
    `strasse.de` are two domains, which two strangers may own.
    """
    local, at, domain = unicodedata.normalize("NFKC", text).rpartition("@")
    if not at:
        return _folded(domain)
    try:
        return f"{_folded(local)}@{ascii_domain(domain)}"
    except UnicodeError:
        return _folded(f"{local}@{domain}")  # nobody can have such an address


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def ascii_domain(domain: str) -> str:
    """A domain as the name system knows it: A-labels by IDNA 2008 after the mapping of UTS #46. Raises UnicodeError."""
    return domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()


# What may be set and what is read, as django-stubs spells it for every field: nullable where `null=True`.
_Set_contra = TypeVar("_Set_contra", contravariant=True)
_Get_co = TypeVar("_Get_co", covariant=True)


class IdentityField(models.Field[_Set_contra, _Get_co]):
    """Text that is unique or compared as an identity, already normalised by `identity_of`, at most 255 bytes.

    Collations disagree about what is equal (`utf8mb4_unicode_ci` holds two different emoji equal and ignores
    zero-width characters), so the column is bytes: `varbinary(255)` on MySQL and MariaDB, `text COLLATE "C"` on
    PostgreSQL, text on SQLite. Equality, ranges and order are then the bytes' on all of them.
    """

    description = "Normalised text compared as bytes"

    _pyi_private_set_type: str
    _pyi_private_get_type: str

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        if connection.vendor == "mysql":
            return f"varbinary({IDENTITY_MAX_BYTES})"
        return 'text COLLATE "C"' if connection.vendor == "postgresql" else "text"

    def get_prep_value(self, value: Any) -> str | None:
        value = super().get_prep_value(value)
        if value is None:
            return None
        if len(str(value).encode()) > IDENTITY_MAX_BYTES:
            raise ValueError(f"{self.name} is longer than {IDENTITY_MAX_BYTES} bytes")
        return str(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        return value.encode() if isinstance(value, str) and connection.vendor == "mysql" else value

    def from_db_value(self, value: Any, expression: object, connection: BaseDatabaseWrapper) -> str | None:
        return value.decode() if isinstance(value, bytes) else value


class DigestField(models.BinaryField[_Set_contra, _Get_co]):
    """32 bytes of a digest, fixed length and therefore indexable everywhere."""

    _pyi_private_set_type: bytes
    _pyi_private_get_type: bytes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 32)
        super().__init__(*args, **kwargs)

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return f"binary({self.max_length})" if connection.vendor == "mysql" else super().db_type(connection)


class TimeStamped(models.Model):
    """When the row was made and last changed, both UTC."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class ObjectLink(models.Model):
    """What hangs on an object of any kind that `api.platform.kinds` knows: the object is named, not referenced."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    organization = models.ForeignKey("api.Organization", on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = IdentityField()  # such as contacts/contact
    object_id = models.UUIDField()
    change_seq = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


def one_of(column: str, choices: type[models.TextChoices], *, name: str) -> models.CheckConstraint:
    """A constraint that keeps a column to its choices, whoever writes it."""
    return models.CheckConstraint(condition=models.Q(**{f"{column}__in": choices.values}), name=name)
