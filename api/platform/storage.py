"""The one door to files: objects by name, in a folder of this server or in a bucket, private in either.

An object is written whole, under a name that nothing had before, and is never changed. It is read by whoever holds an
address that was signed for it; an address stays the same for half of its life, so that phones find what they have. Avatars
are public: this server answers them by their names, which nobody can guess.
"""

import hashlib
import hmac
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, NamedTuple, cast
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

from api.exceptions import ApiError, NotThere, TemporarilyUnavailable
from api.platform.keys import b64url, purpose_key

log = structlog.get_logger(__name__)

_MEDIA_TYPES = {".webp": "image/webp", ".jpg": "image/jpeg"}


class FileLinkExpired(ApiError):
    """The address of a file has run out; whatever it came with has a new one."""

    status = HTTPStatus.GONE
    code = "file_link_expired"
    title = "The address of the file has run out"
    remedy = "Read the resource again that the address came with."


class Window(NamedTuple):
    """When addresses that are made now begin and run out, in seconds since the epoch."""

    begins_at: int
    expires_at: int


def window() -> Window:
    """The same for half the life of an address: what is made in it is the same address."""
    half = settings.FILE_URL_SECONDS // 2
    begins_at = int(time.time()) // half * half
    return Window(begins_at, begins_at + 2 * half)


class Folder(FileSystemStorage):
    """Files of this server, which it serves itself (`api.files`)."""

    failures = (OSError,)

    def _save(self, name: str, content: File[Any]) -> str:
        """What was answered with success survives a power cut: the file, and that it is there."""
        written_as: str = super()._save(name, content)  # type: ignore[misc]  # what Django's own backends override
        path = Path(self.path(written_as))
        root = Path(self.location)
        for written in (path, *(parent for parent in path.parents if parent == root or root in parent.parents)):
            descriptor = os.open(written, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return written_as

    def delete(self, name: str) -> None:
        super().delete(name)
        with suppress(OSError):  # other files are in it
            Path(self.path(name)).parent.rmdir()

    def url(self, name: str | None) -> str:
        assert name is not None
        expires_at = window().expires_at
        return f"{self.base_url}{quote(name)}?expires={expires_at}&signature={_signature(name, expires_at)}"


def _signature(name: str, expires_at: int) -> str:
    message = f"{expires_at}\n{name}".encode()
    return b64url(hmac.digest(purpose_key("file-address"), message, hashlib.sha256))


def require_signed(name: str, *, expires_at: str, signature: str) -> int:
    """Until when the address of one of our own files is good. Raises NotThere, FileLinkExpired."""
    moment = int(expires_at) if expires_at.isascii() and expires_at.isdecimal() and len(expires_at) < 16 else 0
    with suppress(UnicodeEncodeError):  # of lone surrogates, which no name has
        if hmac.compare_digest(_signature(name, moment).encode(), signature.encode()):
            if moment <= time.time():
                raise FileLinkExpired
            return moment
    raise NotThere


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotThere from error
    except cast(Any, default_storage).failures as error:
        log.warning("storage.failed", error=type(error).__name__, exc_info=True)
        raise TemporarilyUnavailable from error


def save(name: str, content: bytes) -> None:
    """Raises TemporarilyUnavailable."""
    file = ContentFile(content)
    file.content_type = media_type_of(name)  # type: ignore[attr-defined]  # what a bucket answers it as
    with _guarded():
        default_storage.save(name, file)


def opened(name: str) -> IO[bytes]:
    """An object to read. Raises NotThere, TemporarilyUnavailable."""
    with _guarded():
        return cast(IO[bytes], default_storage.open(name))


def exists(name: str) -> bool:
    """Raises TemporarilyUnavailable."""
    with _guarded():
        return default_storage.exists(name)


def delete(names: Iterable[str]) -> None:
    """Deletes objects; one that is not there is as good as deleted. Raises TemporarilyUnavailable."""
    with _guarded():
        for name in names:
            default_storage.delete(name)


def address_of(name: str) -> str:
    """Where an object can be read for a while: an address, or one relative to this server. Asks nobody."""
    with _guarded():
        return default_storage.url(name)


# What is public is read by whoever knows its name, which nobody can guess; one folder deep, so that no name leads elsewhere.
_PUBLIC = re.compile(r"avatars/[a-z0-9]{24}/[A-Za-z0-9._-]{1,150}")
# Of a name that is never written again: as long as caches may still show what was deleted.
PUBLIC_SECONDS = 7 * 86_400


def is_public(name: str) -> bool:
    return _PUBLIC.fullmatch(name) is not None


def public_address_of(name: str) -> str:
    """Where a public object can be read for as long as it is there, relative to this server; the same for everybody."""
    assert is_public(name)
    return f"/files/{name}"


def media_type_of(name: str) -> str:
    """Only what a browser may show has a type of its own."""
    return _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
