"""One transaction per service, retried as a whole when the database chose it as a deadlock's victim."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

_ATTEMPTS = 4
_MYSQL_RETRYABLE = {1213, 1205}  # deadlock, lock wait timeout: the second rolls back the statement only
_POSTGRES_RETRYABLE = {"40P01", "40001", "55P03"}


def transactional(service: Callable[P, R]) -> Callable[P, R]:
    """Runs `service` in a transaction, and again from its beginning after a deadlock or a lock timeout.

    Called inside another transaction it is a part of that one (a savepoint), whose owner retries. A service must therefore do nothing
    outside the database but through the outbox or `on_commit`.
    """

    @functools.wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            with transaction.atomic():
                return service(*args, **kwargs)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with transaction.atomic():
                    return service(*args, **kwargs)
            except OperationalError as error:
                if attempt == _ATTEMPTS or not _is_retryable(error):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 -- jitter, not a secret
        raise AssertionError("unreachable")

    return run


def _is_retryable(error: OperationalError) -> bool:
    code = error.args[0] if error.args else None
    if connection.vendor == "mysql":
        return code in _MYSQL_RETRYABLE
    if connection.vendor == "postgresql":
        return getattr(error.__cause__, "sqlstate", None) in _POSTGRES_RETRYABLE
    return "locked" in str(error)
