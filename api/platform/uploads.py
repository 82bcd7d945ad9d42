"""Files that clients send straight to where they are kept, by addresses that were signed for one file of known size.

Up to PART_BYTES come as one form; what is larger in parts, each of which can be sent again until all are there. A bucket
takes them itself, in its own protocol; for a folder this server does (`api.files`), and the parts are files of it.
"""

import base64
import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, cast

from django.core.files.storage import default_storage

from api.exceptions import ApiError, NotThere
from api.platform import storage
from api.platform.keys import b64url, purpose_key
from api.platform.storage import FileLinkExpired, Folder

PART_BYTES = 8 * 1024 * 1024  # a bucket takes no parts of less than five
SIGNED_SECONDS = 3600


class UploadDiffers(ApiError):
    """What came is not what was announced: its bytes or their digest differ."""

    status = HTTPStatus.BAD_REQUEST
    code = "upload_differs"
    title = "The file is not the one that was announced"
    remedy = "Begin another upload."


class Announced(NamedTuple):
    """A file that a client is going to send. `parts_id` is what the bucket calls its parts together."""

    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    parts_id: str = ""

    @property
    def part_sizes(self) -> Sequence[int]:
        """The bytes of each part; of none where it comes in one form."""
        if self.size_bytes <= PART_BYTES:
            return ()
        whole, rest = divmod(self.size_bytes, PART_BYTES)
        return (PART_BYTES,) * whole + ((rest,) if rest else ())


class Form(NamedTuple):
    """Where a file goes as a form: the fields first, in any order, then the part `file`."""

    url: str
    fields: Mapping[str, str]


class _Store(Protocol):
    """What each kind of store does in its own way."""

    def form_of(self, file: Announced) -> Form: ...
    def begin_parts(self, file: Announced) -> str: ...
    def part_address_of(self, file: Announced, number: int) -> str: ...
    def sizes_of(self, file: Announced) -> Mapping[int, int]:
        """The bytes of the parts that have come; of a form, of part 1."""
        ...

    def content_of(self, file: Announced) -> bytes: ...
    def delete(self, file: Announced) -> None: ...


def _store() -> _Store:
    store = cast(Any, default_storage)
    return _FolderUploads() if isinstance(store, Folder) else cast(_Store, store.uploads)


def new_name() -> str:
    """The name of an object that a client sends; nobody can guess it."""
    return "uploads/" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(24))


def form_of(file: Announced) -> Form:
    """Raises TemporarilyUnavailable, as all of these."""
    with storage.guarded():
        return _store().form_of(file)


def begin_parts(file: Announced) -> str:
    """What the store calls the parts of a file together."""
    with storage.guarded():
        return _store().begin_parts(file)


def part_address_of(file: Announced, number: int) -> str:
    """Where part `number` (from 1) is put."""
    with storage.guarded():
        return _store().part_address_of(file, number)


def missing_parts(file: Announced) -> list[int]:
    """The numbers of what has not come, or not as a whole; of a form, 1."""
    with storage.guarded():
        come = _store().sizes_of(file)
    wanted = file.part_sizes or (file.size_bytes,)
    return [number for number, size in enumerate(wanted, 1) if come.get(number) != size]


def content_of(file: Announced) -> bytes:
    """What has come, if it is what was announced. Raises NotThere, UploadDiffers."""
    with storage.guarded():
        content = _store().content_of(file)
    if not hmac.compare_digest(hashlib.sha256(content).digest(), file.sha256):
        raise UploadDiffers
    return content


def delete(file: Announced) -> None:
    """Deletes whatever has come, and lets nothing more come in parts."""
    with storage.guarded():
        _store().delete(file)


# -- into a folder of this server


class _FolderUploads:
    """The parts of a file are files of their own; a form is the first."""

    def form_of(self, file: Announced) -> Form:
        facts = {
            "Content-Type": file.media_type,
            "bytes": str(file.size_bytes),
            "sha256": base64.b64encode(file.sha256).decode(),
            "expires": str(int(time.time()) + SIGNED_SECONDS),
        }
        return Form(f"/files/{_part_name(file.name, 1)}", {**facts, "signature": _signature(file.name, 1, facts)})

    def begin_parts(self, file: Announced) -> str:
        return "-"

    def part_address_of(self, file: Announced, number: int) -> str:
        facts = {"bytes": str(file.part_sizes[number - 1]), "expires": str(int(time.time()) + SIGNED_SECONDS)}
        query = "&".join(f"{name}={value}" for name, value in facts.items())
        return f"/files/{_part_name(file.name, number)}?{query}&signature={_signature(file.name, number, facts)}"

    def sizes_of(self, file: Announced) -> Mapping[int, int]:
        found = {}
        for number in _numbers_of(file):
            with suppress(FileNotFoundError):
                found[number] = default_storage.size(_part_name(file.name, number))
        return found

    def content_of(self, file: Announced) -> bytes:
        pieces = []
        for number in _numbers_of(file):
            with default_storage.open(_part_name(file.name, number)) as part:
                pieces.append(part.read())
        return b"".join(pieces)

    def delete(self, file: Announced) -> None:
        for number in _numbers_of(file):
            default_storage.delete(_part_name(file.name, number))


def _numbers_of(file: Announced) -> range:
    return range(1, max(1, len(file.part_sizes)) + 1)


def _part_name(name: str, number: int) -> str:
    return f"{name}/{number}"


def _signature(name: str, number: int, facts: Mapping[str, str]) -> str:
    said = "\n".join(f"{fact}={facts[fact]}" for fact in sorted(facts))
    message = f"{name}\n{number}\n{said}".encode()
    return b64url(hmac.digest(purpose_key("upload-address"), message, hashlib.sha256))


def size_signed(name: str, facts: Mapping[str, str]) -> int:
    """How many bytes may be sent to the address of a part, by what is said beside its signature. Raises NotThere,
    FileLinkExpired.
    """
    folder, _, number = name.rpartition("/")
    if not (number.isascii() and number.isdecimal() and len(number) < 6):
        raise NotThere
    said = {fact: value for fact, value in facts.items() if fact != "signature"}
    with suppress(UnicodeEncodeError):  # of lone surrogates, which nothing signed has
        if hmac.compare_digest(_signature(folder, int(number), said).encode(), facts.get("signature", "").encode()):
            if int(said["expires"]) <= time.time():
                raise FileLinkExpired
            return int(said["bytes"])
    raise NotThere


def take(name: str, facts: Mapping[str, str], content: bytes) -> None:
    """Keeps what was sent to the address of a part, or of a form, whose digest was signed as well. The same again is as
    good. Raises UploadDiffers, and as `size_signed`.
    """
    if len(content) != size_signed(name, facts):
        raise UploadDiffers
    if "sha256" in facts and base64.b64encode(hashlib.sha256(content).digest()).decode() != facts["sha256"]:
        raise UploadDiffers
    storage.save(name, content)
