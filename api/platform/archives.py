"""ZIP archives written front to back, of any size: what is in memory is one piece of one file, and a line for each of them.

Every archive ends in `manifest.json`: what is in it, with sizes and digests, and what ought to be but is not.
"""

import hashlib
import shutil
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import IO, Any, Protocol, Self, cast

import orjson

_PIECE_BYTES = 2**18
_LISTED_IN_MEMORY_BYTES = 4 * 2**20
_ASIDE_IN_MEMORY_BYTES = 4 * 2**20
# Pieces that wait to be packed, of which each is a few megabytes at most.
_WAITING_MAX = 3
MANIFEST = "manifest.json"


class Stream(Protocol):
    """What an archive is written onto; it need not be able to go back."""

    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


class _Packer:
    """Does one thing after the other in a thread of its own, so that the next piece is made while one is packed. What goes
    wrong there is raised in a later call.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="packer")
        self._waiting: deque[Future[None]] = deque()

    def do(self, step: Callable[..., None], *arguments: Any) -> None:
        self._waiting.append(self._thread.submit(step, *arguments))
        if len(self._waiting) > _WAITING_MAX:
            self._waiting.popleft().result()

    def catch_up(self) -> None:
        """Returns when everything is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        self._thread.shutdown()


class Member:
    """A file of an archive while it is written. `write` may be called before the archive has come to it."""

    def __init__(self, packer: _Packer, info: zipfile.ZipInfo) -> None:
        self.info = info
        self.size_bytes = 0
        self._packer = packer
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._packer.do(self._pack, data)

    def _pack(self, data: bytes) -> None:
        self._digest.update(data)
        self.size_bytes += len(data)
        self._keep(data)

    def _keep(self, data: bytes) -> None:
        raise NotImplementedError

    def told(self) -> dict[str, Any]:
        """Its line of the manifest, once it is whole."""
        return {"path": self.info.filename, "bytes": self.size_bytes, "sha256": self._digest.hexdigest()}


class _Placed(Member):
    """A file at its place in the archive. Begins, and ends, in the packer's thread."""

    _file: IO[bytes] | None = None

    def begin(self, archive: zipfile.ZipFile, *, is_text: bool) -> None:
        self._file = archive.open(self.info, "w", force_zip64=is_text)

    def _keep(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)

    def end(self) -> None:
        if self._file is not None:
            self._file.close()


class Aside(Member):
    """A file of text that is made while another one is written: packed as it will be, it waits, on disk when it is large."""

    def __init__(self, packer: _Packer, info: zipfile.ZipInfo) -> None:
        super().__init__(packer, info)
        self._file = tempfile.SpooledTemporaryFile(_ASIDE_IN_MEMORY_BYTES)  # noqa: SIM115 -- closed by `close`
        self._deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)  # without a head, as a ZIP has it

    def _keep(self, data: bytes) -> None:
        self.info.CRC = zlib.crc32(data, self.info.CRC)
        self._file.write(self._deflater.compress(data))

    def place(self, archive: zipfile.ZipFile) -> None:
        """Moves it into the archive, where no other file is being written."""
        self._file.write(self._deflater.flush())
        self.info.file_size, self.info.compress_size = self.size_bytes, self._file.tell()
        self._file.seek(0)
        stream = cast(IO[bytes], archive.fp)
        self.info.header_offset = stream.tell()
        stream.write(self.info.FileHeader())
        shutil.copyfileobj(self._file, stream, _PIECE_BYTES)
        archive.filelist.append(self.info)
        archive.NameToInfo[self.info.filename] = self.info
        archive.start_dir = stream.tell()

    def close(self) -> None:
        self._file.close()


class Archive:
    """A ZIP whose files carry the time `made_at`. What fails half-way leaves no archive; whoever made the stream clears up."""

    def __init__(self, stream: Stream, *, made_at: datetime) -> None:
        self._zip = zipfile.ZipFile(cast(Any, stream), "w", allowZip64=True)  # which asks for more than it uses
        self._time = made_at.timetuple()[:6]
        self._packer = _Packer()
        self._files = _Lines()
        self._missing = _Lines()
        self._asides: list[Aside] = []
        self.files = self.missing = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packer.close()
        self._files.close()
        self._missing.close()
        for aside in self._asides:
            aside.close()

    @contextmanager
    def member(self, path: str, *, size_bytes: int | None = None) -> Iterator[Member]:
        """A file to write. Whose size is known is stored as it is; all else is text, and deflated."""
        is_text = size_bytes is None
        info = self._info(path, zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED)
        info.file_size = size_bytes or 0
        member = _Placed(self._packer, info)
        self._packer.do(partial(member.begin, self._zip, is_text=is_text))
        try:
            yield member
        finally:
            self._packer.do(member.end)
        self._note(member)

    def aside(self, path: str) -> Aside:
        """A file of text to write beside others, which `place` puts into the archive when it is whole."""
        aside = Aside(self._packer, self._info(path, zipfile.ZIP_DEFLATED))
        self._asides.append(aside)
        return aside

    def place(self, aside: Aside) -> None:
        self._packer.do(aside.place, self._zip)
        self._note(aside)

    def copy(self, path: str, source: IO[bytes], *, size_bytes: int) -> Iterator[int]:
        """Stores a file as it is; yields how much each time that a piece of it is written."""
        with self.member(path, size_bytes=size_bytes) as member:
            while piece := source.read(_PIECE_BYTES):
                member.write(piece)
                yield len(piece)

    def _info(self, path: str, packing: int) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(path, self._time)
        info.compress_type, info.external_attr, info.CRC = packing, 0o644 << 16, 0
        return info

    def _note(self, member: Member) -> None:
        self._packer.do(lambda: self._files.add(member.told()))
        self.files += 1

    def note_missing(self, path: str, **facts: object) -> None:
        """Says that a file ought to be here, and is not there."""
        self._missing.add({"path": path, **facts})
        self.missing += 1

    def finish(self, head: Mapping[str, Any]) -> None:
        """Writes the manifest, which begins with `head`, and ends the archive."""
        self._packer.catch_up()
        info = self._info(MANIFEST, zipfile.ZIP_DEFLATED)
        with self._zip.open(info, "w", force_zip64=True) as file:
            file.write(orjson.dumps(head, option=orjson.OPT_INDENT_2).removesuffix(b"\n}"))
            for name, lines in (("files", self._files), ("missing", self._missing)):
                file.write(b',\n  "%s": [' % name.encode())
                for piece in lines.pieces():
                    file.write(piece)
                file.write(b"\n  ]")
            file.write(b"\n}\n")
        self._zip.close()


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
