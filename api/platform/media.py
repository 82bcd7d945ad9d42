"""Whose the objects in the store are: a line for each prefix that the product writes under, and what has no other side.

Both sides are read once, in pages, and compared in a temporary file: neither has to be in memory, nor in any order.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Model, Q
from django.utils import timezone

from api.models import Contact, Export, Image, User
from api.platform import avatars, images, storage

# Until then an object that no row names yet may still get one.
DECIDED = timedelta(seconds=max(avatars.DECIDED_SECONDS, images.DECIDED_SECONDS))
_ROWS_AT_ONCE = 2000


class Holder(NamedTuple):
    """Rows that name objects: `objects_of` takes the values of `columns`, and says which objects there have to be."""

    model: type[Model]
    columns: Sequence[str]
    objects_of: Callable[..., Sequence[str]]
    naming: Q = Q()

    def objects_of_rows(self, *, key: Any = None) -> Iterator[tuple[Any, str]]:
        """The key of each row with each object that it names; of one row, or of all, in pages."""
        rows = self.model._default_manager.filter(self.naming).order_by("pk").values_list("pk", *self.columns)
        if key is not None:
            yield from self._named_by(rows.filter(pk=key))
            return
        page = list(rows[:_ROWS_AT_ONCE])
        while page:
            yield from self._named_by(page)
            page = list(rows.filter(pk__gt=page[-1][0])[:_ROWS_AT_ONCE])

    def _named_by(self, rows: Any) -> Iterator[tuple[Any, str]]:
        for key, *values in rows:
            for name in self.objects_of(*values):
                yield key, name


class Prefix(NamedTuple):
    """What the names of some objects begin with. They are there as long as a row of `holders` names them; where there are
    no such rows, for no longer than `kept`.
    """

    holders: Sequence[Holder] = ()
    kept: timedelta = timedelta()


_HAS_AVATAR = ~Q(avatar="")

# One line for each prefix under which anything is stored.
PREFIXES: Mapping[str, Prefix] = {
    "images/": Prefix((Holder(Image, ("name", "media_type"), images.objects_of_image),)),
    "avatars/": Prefix(tuple(Holder(whose, ("avatar",), avatars.objects_of, _HAS_AVATAR) for whose in (User, Contact))),
    # The archives that are good; what is being written is not found by its name before the end, or soon goes.
    "exports/": Prefix(
        (Holder(Export, ("name",), lambda name: (name,), Q(ready_at__isnull=False)),), timedelta(days=1)
    ),
    # A day, and what a message may be late.
    "imports/": Prefix(kept=timedelta(days=2)),
    "uploads/": Prefix(kept=timedelta(days=2)),
}


class Missing(NamedTuple):
    """An object that a row names, and that is not there."""

    name: str
    holder: Holder
    key: Any


class Findings:
    """What an audit has found. To be read within `audited`."""

    def __init__(self, ledger: "_Ledger", begun_at: datetime) -> None:
        self._ledger, self._begun_at = ledger, begun_at

    def strays(self, *, older_than: timedelta) -> Iterator[storage.StoredObject]:
        """Objects that nothing names, and that are older than this (never less than DECIDED) and than their prefix is kept."""
        before = self._begun_at - max(older_than, DECIDED)
        for found in self._ledger.unexpected():
            prefix = _prefix_of(found.name)
            if prefix is not None and found.written_at < before - PREFIXES[prefix].kept:
                yield found

    def foreign(self) -> Iterator[storage.StoredObject]:
        """Objects under no prefix of ours."""
        return (found for found in self._ledger.unexpected() if _prefix_of(found.name) is None)

    def missing(self) -> Iterator[Missing]:
        """Objects that rows name, and that are not there. Each is looked for once more: things change meanwhile."""
        for name, holder, key in self._ledger.absent():
            if (key, name) in holder.objects_of_rows(key=key) and not storage.exists(name):
                yield Missing(name, holder, key)


@contextmanager
def audited() -> Iterator[Findings]:
    """Compares all rows with all objects. Raises TemporarilyUnavailable."""
    begun_at = timezone.now()
    with closing(_Ledger()) as ledger:
        for holder in (holder for prefix in PREFIXES.values() for holder in prefix.holders):
            ledger.expect(holder)
        ledger.find(storage.listed())
        yield Findings(ledger, begun_at)


class _Ledger:
    """Names on both sides, in a file that goes when it is closed."""

    def __init__(self) -> None:
        self._holders: list[Holder] = []
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.execute("CREATE TABLE expected (name TEXT PRIMARY KEY, holder INT, key TEXT) WITHOUT ROWID")
        self._store.execute("CREATE TABLE found (name TEXT PRIMARY KEY, size INT, written_at TEXT) WITHOUT ROWID")

    def close(self) -> None:
        self._store.close()

    def expect(self, holder: Holder) -> None:
        number = len(self._holders)
        self._holders.append(holder)
        self._fill("expected", ((name, number, str(key)) for key, name in holder.objects_of_rows()))

    def find(self, listed: Iterator[storage.StoredObject]) -> None:
        self._fill("found", ((found.name, found.size_bytes, found.written_at.isoformat()) for found in listed))

    def _fill(self, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
        while page := list(islice(rows, _ROWS_AT_ONCE)):
            self._store.execute("BEGIN")
            self._store.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)", page)  # noqa: S608 -- ours
            self._store.execute("COMMIT")

    def unexpected(self) -> Iterator[storage.StoredObject]:
        query = "SELECT * FROM found WHERE name NOT IN (SELECT name FROM expected)"
        with closing(self._store.execute(query)) as rows:
            for name, size, written_at in rows:
                yield storage.StoredObject(name, size, datetime.fromisoformat(written_at))

    def absent(self) -> Iterator[tuple[str, Holder, Any]]:
        query = "SELECT * FROM expected WHERE name NOT IN (SELECT name FROM found)"
        with closing(self._store.execute(query)) as rows:
            for name, number, key in rows:
                holder = self._holders[number]
                yield name, holder, holder.model._meta.pk.to_python(key)


def _prefix_of(name: str) -> str | None:
    return next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
