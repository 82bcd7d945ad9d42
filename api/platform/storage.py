"""The one door to files: objects by name, in a folder of this server or in a bucket, private in either.

An object is written whole, under a name that nothing had before, and is never changed. It is read by whoever holds an
address that was signed for it; an address stays the same for half of its life, so that phones find what they have. Avatars
are public: this server answers them by their names, which nobody can guess.
"""

import errno
import hashlib
import hmac
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, cast
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

from api.exceptions import ApiError, NotThere, TemporarilyUnavailable
from api.platform.keys import b64url, purpose_key

log = structlog.get_logger(__name__)

_MEDIA_TYPES = {".webp": "image/webp", ".jpg": "image/jpeg", ".zip": "application/zip"}
_PART = ".part"  # of the name of a large file that is being written


class FileLinkExpired(ApiError):
    """The address of a file has run out; whatever it came with has a new one."""

    status = HTTPStatus.GONE
    code = "file_link_expired"
    title = "The address of the file has run out"
    remedy = "Read the resource again that the address came with."


class StoredObject(NamedTuple):
    """What a store tells of an object without opening it."""

    name: str
    size_bytes: int
    written_at: datetime


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
        """What was answered with success survives a power cut: the file, and that it is there. Of one that a full disk has no
        room for, nothing stays to take more of it.
        """
        try:
            written_as: str = super()._save(name, content)  # type: ignore[misc]  # what Django's own backends override
            self._sync(written_as)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                with suppress(OSError):  # the first one says why
                    self.delete(name)
            raise
        return written_as

    def _sync(self, name: str) -> None:
        path = Path(self.path(name))
        root = Path(self.location)
        for written in (path, *(parent for parent in path.parents if parent == root or root in parent.parents)):
            descriptor = os.open(written, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def delete(self, name: str) -> None:
        super().delete(name)
        with suppress(OSError):  # other files are in it
            Path(self.path(name)).parent.rmdir()

    def listed(self, folder: str = "") -> Iterator[StoredObject]:
        """Every file, however deep; of a folder's, one after the other."""
        try:
            found = os.scandir(self.path(folder))
        except FileNotFoundError:  # deleted meanwhile, or nothing was ever written
            return
        with found as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False):
                    yield from self.listed(name)
                    continue
                with suppress(FileNotFoundError):  # deleted meanwhile
                    facts = entry.stat(follow_symlinks=False)
                    yield StoredObject(name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def fetched(self, name: str) -> IO[bytes]:
        return cast(IO[bytes], self.open(name))

    def begin(self, name: str) -> "_PartialFile":
        """A file that is there once it is finished."""
        return _PartialFile(self, name)

    def discard(self, name: str) -> None:
        """Deletes a file, and what was written of it if it was never finished."""
        self.delete(name + _PART)
        self.delete(name)

    def url(self, name: str | None) -> str:
        assert name is not None
        return self.url_until(name, window().expires_at)

    def url_until(self, name: str, expires_at: int) -> str:
        return f"{self.base_url}{quote(name)}?expires={expires_at}&signature={_signature(name, expires_at)}"


class Sink(Protocol):
    """Where an object is written to, piece by piece."""

    def write(self, data: bytes) -> None: ...
    def finish(self) -> None: ...
    def give_up(self) -> None: ...


class _PartialFile:
    """A file under a name of its own beside the one that it gets."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._path = Path(folder.path(name))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(folder.path(name + _PART), "wb")  # noqa: SIM115 -- closed by what ends it

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def finish(self) -> None:
        self._file.close()
        os.replace(self._file.name, self._path)
        self._folder._sync(self._name)

    def give_up(self) -> None:
        with suppress(OSError):  # a disk that is full has room for no rest
            self._file.close()
        self._folder.discard(self._name)


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
def guarded() -> Iterator[None]:
    """Around whatever asks the store: raises NotThere for an object that is not there, TemporarilyUnavailable for a store
    that fails.
    """
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
    with guarded():
        default_storage.save(name, file)


def save_all(objects: Iterable[tuple[str, bytes]]) -> None:
    """Saves objects that belong together. If one fails, those before it go at once, as far as the store can; who must be
    sure that they do has said so before. Raises TemporarilyUnavailable.
    """
    saved: list[str] = []
    try:
        for name, content in objects:
            save(name, content)
            saved.append(name)
    except TemporarilyUnavailable:
        with suppress(TemporarilyUnavailable):
            delete(saved)
        raise


class Stream:
    """What `writing` gives: a file that can only be written, front to back. After a failure it swallows what still comes
    from those who tidy up, such as a ZIP that ends itself.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.size_bytes = 0
        self.is_dead = False

    def write(self, data: bytes) -> int:
        """Raises TemporarilyUnavailable."""
        if not self.is_dead:
            try:
                with guarded():
                    self._sink.write(data)
            except TemporarilyUnavailable:
                self.is_dead = True
                raise
            self.size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """What is written is there when the block ends, and not before."""


@contextmanager
def writing(name: str) -> Iterator[Stream]:
    """Writes a large object, which is there when the block has ended; nothing of it is left if the block raises.

    Should the process die, what was written goes by `discard`. Raises TemporarilyUnavailable.
    """
    with guarded():
        sink = cast(Any, default_storage).begin(name)
    stream = Stream(sink)
    try:
        yield stream
        with guarded():
            sink.finish()
    except BaseException:
        stream.is_dead = True
        with suppress(TemporarilyUnavailable), guarded():
            sink.give_up()
        raise


def discard(name: str) -> None:
    """Deletes what `writing` has written, finished or not. Raises TemporarilyUnavailable."""
    with guarded():
        cast(Any, default_storage).discard(name)


def opened(name: str) -> IO[bytes]:
    """An object to read. Raises NotThere, TemporarilyUnavailable."""
    with guarded():
        return cast(IO[bytes], default_storage.open(name))


def fetched(name: str) -> tuple[IO[bytes], int]:
    """An object as a file of this machine, whole, and its size: reading it fails no more. Raises as `opened` does."""
    with guarded():
        file: IO[bytes] = cast(Any, default_storage).fetched(name)
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
    return file, size_bytes


def exists(name: str) -> bool:
    """Raises TemporarilyUnavailable."""
    with guarded():
        return default_storage.exists(name)


def delete(names: Iterable[str]) -> None:
    """Deletes objects; one that is not there is as good as deleted. Raises TemporarilyUnavailable."""
    with guarded():
        for name in names:
            default_storage.delete(name)


def listed() -> Iterator[StoredObject]:
    """Every object that there is, in no order, in pages that the store answers: never all at once. Raises
    TemporarilyUnavailable.
    """
    with guarded():
        yield from cast(Any, default_storage).listed()


def address_of(name: str) -> str:
    """Where an object can be read for a while: an address, or one relative to this server. Asks nobody."""
    with guarded():
        return default_storage.url(name)


def short_address_of(name: str, *, seconds: int) -> str:
    """As `address_of`, for so long from now on, exactly: for what is read once."""
    with guarded():
        address: str = cast(Any, default_storage).url_until(name, int(time.time()) + seconds)
    return address


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
