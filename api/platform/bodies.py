"""What was sent, in memory or in a file: large bodies are never in memory as a whole."""

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

# What is larger is kept in a temporary file. JSON, which is needed as a whole, is never larger.
MEMORY_MAX_BYTES = 1024 * 1024
_PIECE_BYTES = 256 * 1024


class Body:
    """Bytes that are read where they are needed: like `bytes`, as far as it goes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)

    @classmethod
    def of(cls, content: bytes) -> "Body":
        return cls(io.BytesIO(content))

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(0, stop - start))

    def find(self, sought: bytes, start: int = 0, stop: int | None = None) -> int:
        """Where it stands first, wholly between these places; -1 if nowhere."""
        stop = self._size if stop is None else min(stop, self._size)
        for place in range(start, stop, _PIECE_BYTES):
            found = self[place : min(stop, place + _PIECE_BYTES + len(sought) - 1)].find(sought)
            if found >= 0:
                return place + found
        return -1

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        stop = self._size if stop is None else stop
        for place in range(start, stop, _PIECE_BYTES):
            yield self[place : min(stop, place + _PIECE_BYTES)]

    def sha256(self) -> bytes:
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.digest()


def collected(read: Callable[[int], bytes], *, most: int) -> IO[bytes]:
    """A file with what `read` gives until it gives nothing more, or `most` bytes. It goes when it is closed.

    Raises what `read` raises, OSError for a disk that is full.
    """
    file = tempfile.SpooledTemporaryFile(MEMORY_MAX_BYTES)  # noqa: SIM115 -- the caller's
    try:
        while most > 0 and (piece := read(min(most, _PIECE_BYTES))):
            file.write(piece)
            most -= len(piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
