"""Making an archive: one pass over one moment of the database, and the objects that it names, onto one stream."""

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import IO, Any, NamedTuple

from django.utils import timezone

from api.apis.export.services.contents import Contents, Object
from api.apis.export.services.sheets import Sheets
from api.exceptions import NotThere
from api.platform import jobs, storage
from api.platform.archives import Archive, Stream
from api.platform.snapshots import snapshot

FORMAT = 1
_REPORTED_SECONDS = 0.5
# A row and so many bytes of an object take about equally long.
_BYTES_OF_A_ROW = 4096
# Objects that are on their way at a time, where the storage is far away.
_FETCHED_AT_ONCE = 4

_README = """{title}

{moment} UTC. Everything in here is as it was at that moment.

manifest.json   what is in here: every file with its size and SHA-256; and what ought to be, but was not in the storage
contacts.csv    the contacts as a table; where a cell begins with ' its next character would have made it a formula
contacts.vcf    the contacts as vCards
images/         the images, as they are kept: images/<id>/<name>
avatars/        avatars of people and contacts, small and large: avatars/<users or contacts>/<id>/<name>

Each .jsonl file has one row a line, a JSON object. Times are UTC, identifiers the same in every file.
"""


class Built(NamedTuple):
    """What came of it: rows by table, files, and those that were missing."""

    counts: dict[str, int]
    files: int
    missing: int


class _Progress:
    """How much of all work is done, told to whoever waits; and asked, as often, whether to go on."""

    def __init__(self, job_id: str, total: int) -> None:
        self._job_id, self._total, self._done = job_id, max(1, total), 0
        self._told_at = 0.0

    def add(self, amount: int) -> None:
        """Raises what `jobs.report` raises."""
        self._done += amount
        if time.monotonic() - self._told_at >= _REPORTED_SECONDS:
            jobs.report(self._job_id, per_cent=min(99, 100 * self._done // self._total))
            self._told_at = time.monotonic()


def build(stream: Stream, contents: Contents, *, job_id: str, whose: Mapping[str, Any]) -> Built:
    """Writes the archive of `contents` onto `stream`. Raises TemporarilyUnavailable, and what `jobs.report` raises."""
    with snapshot() as alias:
        made_at = timezone.now()
        work = sum(table.count(alias) for table in contents.tables) * _BYTES_OF_A_ROW
        progress = _Progress(job_id, work + contents.object_bytes(alias))
        with Archive(stream, made_at=made_at) as archive:
            sheets = Sheets(archive, alias)
            with archive.member("README.txt") as member:
                member.write(_readme(contents, f"{made_at:%Y-%m-%d %H:%M:%S}"))
            counts = {}
            for table in contents.tables:
                pieces = table.lines(alias, sheets.take if table.name == "contacts" else None)
                counts[table.name] = _write(archive, table.path, pieces, progress)
            sheets.place()
            with closing(_fetched(contents.objects(alias))) as fetched:
                for item, found in fetched:
                    _copy(archive, item, found, progress)
            told = {"format": FORMAT, "kind": contents.whose, **whose, "generated_at": made_at.isoformat()}
            archive.finish({**told, "counts": counts})
    return Built(counts, archive.files, archive.missing)


def _readme(contents: Contents, moment: str) -> bytes:
    lines = [_README.format(title=f"Export of {_TITLES[contents.whose]}.", moment=moment)]
    for table in contents.tables:
        lines.append(f"{table.path}\n  {table.about}\n  {', '.join(table.columns)}\n")
    return "\n".join(lines).encode()


_TITLES = {"organization": "an organization", "person": "what is known about a person"}


def _write(archive: Archive, path: str, pieces: Iterable[tuple[bytes, int]], progress: _Progress) -> int:
    total = 0
    with archive.member(path) as member:
        for piece, number in pieces:
            member.write(piece)
            total += number
            progress.add(number * _BYTES_OF_A_ROW)
    return total


def _copy(archive: Archive, item: Object, found: tuple[IO[bytes], int] | None, progress: _Progress) -> None:
    if found is None:
        archive.note_missing(item.path)
        return
    file, size_bytes = found
    with file:
        for amount in archive.copy(item.path, file, size_bytes=size_bytes):
            progress.add(amount)


def _fetched(items: Iterator[Object]) -> Generator[tuple[Object, tuple[IO[bytes], int] | None]]:
    """Objects in their order, None for one that is not there; the next ones are fetched meanwhile."""
    under_way: deque[tuple[Object, Future[tuple[IO[bytes], int] | None]]] = deque()
    with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
        try:
            for item in items:
                under_way.append((item, pool.submit(_file_of, item.name)))
                if len(under_way) > _FETCHED_AT_ONCE:
                    first, future = under_way.popleft()
                    yield first, future.result()
            while under_way:
                first, future = under_way.popleft()
                yield first, future.result()
        finally:
            for _, future in under_way:
                if not future.cancel() and future.exception() is None and (found := future.result()) is not None:
                    found[0].close()


def _file_of(name: str) -> tuple[IO[bytes], int] | None:
    try:
        return storage.fetched(name)
    except NotThere:
        return None
