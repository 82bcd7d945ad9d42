"""Connections to the database, between requests."""

import select
import threading
import time
import weakref
from typing import Any

from django.core.signals import request_finished, request_started
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from api.platform import metrics

# After a request a connection is believed to work for so long, unless the server has closed it.
_TRUSTED_SECONDS = 1.0


class _Own(threading.local):
    """The connections that this thread has opened, and when each was last used."""

    def __init__(self) -> None:
        self.used_at: dict[Any, float] = {}  # by connections with a flag that is not among what their type knows


_own = _Own()

# Every connection of the process that was ever opened and is not garbage, and when they were last counted.
_opened: "weakref.WeakSet[BaseDatabaseWrapper]" = weakref.WeakSet()
_counting = threading.Lock()
_counted_at = 0.0


def watch() -> None:
    """From now on every statement is timed, and open connections are counted."""
    connection_created.connect(_note_opened)
    request_finished.connect(_count_open)


def _note_opened(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if metrics.timed_query not in connection.execute_wrappers:
        connection.execute_wrappers.append(metrics.timed_query)
    _own.used_at.setdefault(connection, 0.0)
    with _counting:
        _opened.add(connection)
    _count_open(is_new=True)


def _count_open(*, is_new: bool = False, **_: Any) -> None:
    """Once a second is enough; what is closed in between is no news."""
    global _counted_at  # noqa: PLW0603 -- of the process
    now = time.monotonic()
    if is_new or now - _counted_at > _TRUSTED_SECONDS:
        with _counting:
            _counted_at = now
            metrics.CONNECTIONS.set(sum(each.connection is not None for each in _opened))


def trust_recent() -> None:
    """From now on CONN_HEALTH_CHECKS asks only connections that were idle for a while: a busy server would pay a round
    trip in every request.
    """
    request_started.connect(_skip_check)
    request_finished.connect(_note_use)


def _skip_check(**_: Any) -> None:
    now = time.monotonic()
    for connection, used_at in _own.used_at.items():
        if now - used_at < _TRUSTED_SECONDS and not _was_closed(connection):
            connection.health_check_done = True


def _note_use(**_: Any) -> None:
    now = time.monotonic()
    for connection in _own.used_at:
        _own.used_at[connection] = now


def _was_closed(connection: Any) -> bool:
    """Whether there is something to read where nothing was asked: the end, or a word of farewell."""
    raw = connection.connection
    if not hasattr(raw, "fileno"):
        return True  # there is none, or it is a file
    try:
        number = raw.fileno()
    except connection.Database.Error:
        return True  # by ourselves
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))
