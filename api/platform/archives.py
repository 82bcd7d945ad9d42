"""ZIP archives written front to back, of any size: what is in memory is one piece of one file, and a line for each of them.

Every archive ends in `manifest.json`: what is in it, with sizes and digests, and what ought to be but is not.
"""

import hashlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any, Protocol, Self, cast

import orjson

_PIECE_BYTES = 2**18
_LISTED_IN_MEMORY_BYTES = 4 * 2**20
_ASIDE_IN_MEMORY_BYTES = 4 * 2**20
MANIFEST = "manifest.json"


class Stream(Protocol):
    """What an archive is written onto; it need not be able to go back."""

    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


class Member:
    """A file of an archive while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Archive:
    """A ZIP whose files carry the time `made_at`. What fails half-way leaves no archive; whoever made the stream clears up."""

    def __init__(self, stream: Stream, *, made_at: datetime) -> None:
        self._zip = zipfile.ZipFile(cast(Any, stream), "w", allowZip64=True)  # which asks for more than it uses
        self._time = made_at.timetuple()[:6]
        self._files = _Lines()
        self._missing = _Lines()
        self.files = self.missing = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()
        self._missing.close()

    @contextmanager
    def member(self, path: str, *, size_bytes: int | None = None) -> Iterator[Member]:
        """A file to write. Whose size is known is stored as it is; all else is text, and deflated."""
        info = zipfile.ZipInfo(path, self._time)
        info.compress_type = zipfile.ZIP_DEFLATED if size_bytes is None else zipfile.ZIP_STORED
        info.external_attr = 0o644 << 16
        info.file_size = size_bytes or 0
        with self._zip.open(info, "w", force_zip64=size_bytes is None) as file:
            member = Member(file)
            yield member
        self._files.add({"path": path, "bytes": member.size_bytes, "sha256": member.sha256})
        self.files += 1

    def copy(self, path: str, source: IO[bytes], *, size_bytes: int) -> Iterator[int]:
        """Stores a file as it is; yields how much each time that a piece of it is written."""
        with self.member(path, size_bytes=size_bytes) as member:
            while piece := source.read(_PIECE_BYTES):
                member.write(piece)
                yield len(piece)

    def note_missing(self, path: str, **facts: object) -> None:
        """Says that a file ought to be here, and is not there."""
        self._missing.add({"path": path, **facts})
        self.missing += 1

    def finish(self, head: Mapping[str, Any]) -> None:
        """Writes the manifest, which begins with `head`, and ends the archive."""
        info = zipfile.ZipInfo(MANIFEST, self._time)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            file.write(orjson.dumps(head, option=orjson.OPT_INDENT_2).removesuffix(b"\n}"))
            for name, lines in (("files", self._files), ("missing", self._missing)):
                file.write(b',\n  "%s": [' % name.encode())
                for piece in lines.pieces():
                    file.write(piece)
                file.write(b"\n  ]")
            file.write(b"\n}\n")
        self._zip.close()


class Aside:
    """A file of an archive that is made while another one is written: it waits on disk, packed, when it is large."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_ASIDE_IN_MEMORY_BYTES)  # noqa: SIM115 -- closed by `close`
        self._packer = zlib.compressobj(1)

    def write(self, data: bytes) -> None:
        self._file.write(self._packer.compress(data))

    def pieces(self) -> Iterator[bytes]:
        """What was written, once all is."""
        self._file.write(self._packer.flush())
        self._file.seek(0)
        unpacker = zlib.decompressobj()
        while packed := self._file.read(_PIECE_BYTES):
            yield unpacker.decompress(packed)
        yield unpacker.flush()

    def close(self) -> None:
        self._file.close()


class _Lines:
    """Members of a JSON list, one a line, on disk when they are many."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_LISTED_IN_MEMORY_BYTES)  # noqa: SIM115 -- gone with the archive
        self._separator = b"\n    "

    def add(self, entry: Mapping[str, Any]) -> None:
        self._file.write(self._separator + orjson.dumps(entry))
        self._separator = b",\n    "

    def pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(_PIECE_BYTES):
            yield piece

    def close(self) -> None:
        self._file.close()
