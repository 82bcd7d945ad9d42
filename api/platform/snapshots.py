"""One moment of the database, to read at leisure: what others change meanwhile is not seen."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections
from django.db.utils import load_backend

_ALIAS = "snapshot"
_BEGIN = {
    "mysql": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "sqlite": "BEGIN DEFERRED",
}
_ISOLATION = {"mysql": {"isolation_level": "repeatable read"}}


@contextmanager
def snapshot() -> Iterator[str]:
    """A connection of its own that sees the database as it is now, until the block ends: the alias to read with.

    Within a transaction of the caller it is that one's picture: what it has written no other connection could see.
    """
    if connection.in_atomic_block:
        yield connection.alias
        return
    settings = copy.deepcopy(connection.settings_dict)
    settings["OPTIONS"] |= _ISOLATION.get(connection.vendor, {})
    own = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, _ALIAS)
    connections[_ALIAS] = own
    try:
        with own.cursor() as cursor:
            cursor.execute(_BEGIN[own.vendor])
            cursor.execute("SELECT 1 FROM job LIMIT 1")  # SQLite and PostgreSQL take their picture at the first read
            cursor.fetchall()
        yield _ALIAS
    finally:
        own.close()
        del connections[_ALIAS]
