"""Reading from a replica (DATABASE_REPLICA_URL): what is long to read, and only where the replica is known to be new enough.

Everything is read from the primary unless a block says otherwise. Who may do what, sessions and limits never are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings

PRIMARY, REPLICA = "default", "replica"
_alias: ContextVar[str] = ContextVar("replicas_alias", default=PRIMARY)


def is_configured() -> bool:
    return REPLICA in settings.DATABASES


def alias() -> str:
    """Which database is read from at this moment."""
    return _alias.get()


@contextmanager
def reading() -> Iterator[None]:
    """Reads from the replica in the block. Writes, locks and transactions do not belong in there."""
    token = _alias.set(REPLICA)
    try:
        yield
    finally:
        _alias.reset(token)


class Router:
    """Django's way to ask where to."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return alias()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return PRIMARY

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == PRIMARY
