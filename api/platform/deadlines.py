"""A time limit for statements whose cost the caller chooses: the database itself gives up, and the worker is free again."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from api.platform import replicas

_MYSQL_PASSED = {1969, 3024}  # MariaDB's max_statement_time, MySQL's max_execution_time
_POSTGRES_PASSED = "57014"
_SQLITE_STEPS = 10_000  # of its virtual machine, between two looks at the clock: a fraction of a millisecond


class DeadlinePassed(Exception):
    """A statement was ended because it took too long."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Ends each SELECT of the block that takes longer. Raises DeadlinePassed."""
    reading = connections[replicas.alias()]
    with ExitStack() as stack:
        if reading.vendor == "mysql":
            stack.enter_context(reading.execute_wrapper(_limited(reading, seconds)))
        elif reading.vendor == "postgresql":
            # To which the setting belongs; a rollback takes it back.
            stack.enter_context(transaction.atomic(reading.alias))
            before = _set_statement_timeout(reading, str(max(1, int(seconds * 1000))))
        else:
            ends_at = time.monotonic() + seconds
            reading.ensure_connection()
            reading.connection.set_progress_handler(lambda: time.monotonic() > ends_at, _SQLITE_STEPS)
            stack.callback(reading.connection.set_progress_handler, None, 0)
        try:
            yield
        except OperationalError as error:
            if _has_passed(error):
                raise DeadlinePassed from error
            raise
        if reading.vendor == "postgresql":
            _set_statement_timeout(reading, before)


def _set_statement_timeout(connection: BaseDatabaseWrapper, value: str) -> str:
    """Sets PostgreSQL's limit until the transaction ends, and returns what it was."""
    sql = "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        before: str = cursor.fetchone()[0]
    return before


def _limited(connection: BaseDatabaseWrapper, seconds: float) -> Callable[..., Any]:
    """What writes the limit into each SELECT, so that nothing of it stays in the connection."""

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if getattr(connection, "mysql_is_mariadb", False):
            sql = f"SET STATEMENT max_statement_time={seconds} FOR {sql}"
        else:
            sql = sql.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({max(1, int(seconds * 1000))}) */", 1)
        return run(sql, params, many, context)

    return execute


def _has_passed(error: OperationalError) -> bool:
    if connection.vendor == "mysql":
        return bool(error.args) and error.args[0] in _MYSQL_PASSED
    if connection.vendor == "postgresql":
        return getattr(error.__cause__, "sqlstate", None) == _POSTGRES_PASSED
    return "interrupted" in str(error)
