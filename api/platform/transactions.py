"""One transaction per service, retried as a whole when the database gave it up; and what the database's errors mean."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

_ATTEMPTS = 4
_PATIENCE_SECONDS = 8  # no attempt begins later: each may wait for a lock, and somebody waits for the answer
_MYSQL_DEADLOCK, _MYSQL_LOCK_TIMEOUT = 1213, 1205  # the second rolls back the statement only
_POSTGRES_DEADLOCKS = {"40P01", "40001"}
_POSTGRES_LOCK_TIMEOUT = "55P03"
_MYSQL_READ_ONLY = {1290, 1792, 1836}
_POSTGRES_READ_ONLY = "25006"


def transactional(service: Callable[P, R]) -> Callable[P, R]:
    """Runs `service` in a transaction, and again from its beginning after a deadlock or a lock timeout.

    Called inside another transaction it is a part of that one (a savepoint), whose owner retries. A service must therefore do nothing
    outside the database but through the outbox or `on_commit`. A COMMIT whose answer is lost is not repeated: it may
    have been carried out, and only the client's repetition, under its id or its key, can find that out.
    """

    @functools.wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            with transaction.atomic():
                return service(*args, **kwargs)
        began_at = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with transaction.atomic():
                    return service(*args, **kwargs)
            except OperationalError as error:
                is_last = attempt == _ATTEMPTS or time.monotonic() - began_at > _PATIENCE_SECONDS
                if is_last or not (_is_deadlock(error) or is_lock_timeout(error)):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 -- jitter, not a secret
        raise AssertionError("unreachable")

    return run


def is_lock_timeout(error: OperationalError) -> bool:
    """Whether a statement waited for a row in vain. The rest of its transaction is still open, and must not commit."""
    if connection.vendor == "sqlite":
        return "locked" in str(error)
    return _code_of(error) in {_MYSQL_LOCK_TIMEOUT, _POSTGRES_LOCK_TIMEOUT}


def _is_deadlock(error: OperationalError) -> bool:
    return _code_of(error) in {_MYSQL_DEADLOCK, *_POSTGRES_DEADLOCKS}


def _code_of(error: Exception) -> int | str | None:
    """The server's own number (MySQL, MariaDB) or SQLSTATE (PostgreSQL) of an error."""
    if connection.vendor == "mysql":
        return error.args[0] if error.args else None
    return getattr(error.__cause__, "sqlstate", None)


def is_unavailable(error: Exception) -> bool:
    """Whether the database could not be asked, or cannot do this at present: gone, hung, overrun, full, read-only."""
    return isinstance(error, OperationalError | InterfaceError) or is_read_only(error)


def is_read_only(error: Exception) -> bool:
    """Whether the server takes no writes: a replica, or a primary that is being moved."""
    if isinstance(error, OperationalError):
        return _code_of(error) in _MYSQL_READ_ONLY
    return isinstance(error, InternalError) and _code_of(error) == _POSTGRES_READ_ONLY


def leave_connection() -> None:
    """Lets this thread begin with a new connection: the old one may lead to a server that is no primary any more."""
    if not connection.in_atomic_block:
        connection.close()
