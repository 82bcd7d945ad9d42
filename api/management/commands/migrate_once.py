"""Migrates, one process at a time: replicas that start together wait for the first, and then find nothing to do.

The lock belongs to the connection that migrates. Whoever dies lets go of it, and nobody can migrate without it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

_PAUSE_SECONDS = 1
# How long one statement of a migration may run (seconds); a request's limit would cut off the change of a large table.
_STATEMENT_SECONDS = 3600
_ADVISORY_KEY = int.from_bytes(b"handset", "big")  # PostgreSQL's locks are numbers, one set for each database

# vendor -> statements that try to take the lock and let go of it; 1 or true means taken.
_LOCKS: dict[str, tuple[str, str]] = {
    "mysql": ("SELECT GET_LOCK(%s, 0)", "SELECT RELEASE_LOCK(%s)"),
    "postgresql": ("SELECT pg_try_advisory_lock(%s)", "SELECT pg_advisory_unlock(%s)"),
}


class Command(BaseCommand):
    help = "Applies migrations while holding a lock of the database, so that only one process does."
    # As for the servers: a half-configured process touches no schema.
    requires_system_checks = ["handset"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", type=int, default=600, help="seconds to wait for another process (600)")

    def handle(self, *args: Any, **options: Any) -> None:
        _allow_long_statements(connection)
        with _lock(wait_seconds=options["wait"]):
            call_command("migrate", interactive=False, verbosity=options["verbosity"])


def _allow_long_statements(database: BaseDatabaseWrapper) -> None:
    """Lengthens this process's limit of a statement. The limits of waiting for locks stay: readers queue behind us."""
    database.close()
    options = database.settings_dict["OPTIONS"]
    if database.vendor == "mysql":
        options |= {"read_timeout": _STATEMENT_SECONDS, "write_timeout": _STATEMENT_SECONDS}
    elif database.vendor == "postgresql":
        # The last -c counts.
        options["options"] = f"{options.get('options', '')} -c statement_timeout={_STATEMENT_SECONDS}s"


@contextmanager
def _lock(*, wait_seconds: int) -> Iterator[None]:
    """Holds the database's migration lock. SQLite has one machine, one file and its own lock: nothing to do."""
    if connection.vendor not in _LOCKS:
        yield
        return
    take, let_go = _LOCKS[connection.vendor]
    # MySQL's locks are of the whole server, and their names have at most 64 characters.
    name = f"migrate:{connection.settings_dict['NAME']}"[:64] if connection.vendor == "mysql" else _ADVISORY_KEY
    deadline = time.monotonic() + wait_seconds
    with connection.cursor() as cursor:
        while not _ask(cursor, take, name):
            if time.monotonic() >= deadline:
                raise CommandError(f"another process has been migrating for {wait_seconds} s")
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            _ask(cursor, let_go, name)


def _ask(cursor: Any, statement: str, name: str | int) -> bool:
    cursor.execute(statement, [name])
    return bool(cursor.fetchone()[0])
