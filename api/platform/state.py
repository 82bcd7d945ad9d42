"""The one door to the Redis that holds state (nonces, limits, revocations, memberships): client, scripts, failure.

Without REDIS_STATE_URL there is none, and the mechanisms above this module use the database instead.
"""

import functools
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError

from api.platform import metrics
from api.platform.redis_urls import Pools

# When the state store was found new or lost (seconds), and by which run of the server: what was remembered before then
# is not remembered any more.
EPOCH_KEY = "epoch"

# The part of a Lua script that finds the epoch. A flushed store has none; a server that was started since (perhaps from
# an old snapshot) and a replica that took over (perhaps without the last writes) are other runs, and begin a new one.
EPOCH_LUA = """
local function epoch_of(key)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local begun, of_run = string.match(redis.call('GET', key) or '', '^(%d+) (%x+)$')
  if of_run == run then return tonumber(begun) end
  local now = redis.call('TIME')[1]
  redis.call('SET', key, now .. ' ' .. run)
  return tonumber(now)
end
"""

_FIND_EPOCH = EPOCH_LUA + "return epoch_of(KEYS[1])"


# After somebody has waited for it in vain, nobody else does for so long: a store that hangs would cost every call its
# timeout, and the process its threads (seconds).
_SILENCE_SECONDS = 1
_silent_until: dict[str, float] = {}  # by URL, on the monotonic clock


class StateUnavailable(Exception):
    """Redis does not answer, or cannot take a write. Each mechanism decides whether that opens or closes it."""


def is_configured() -> bool:
    return bool(settings.REDIS_STATE_URL)


@functools.cache
def _client(url: str, timeout_seconds: float) -> "redis.Redis":
    pool = Pools.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        health_check_interval=30,
        # No second try: it would double the time that a hung store costs, and could count a limit twice.
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def client() -> "redis.Redis":
    return _client(settings.REDIS_STATE_URL, settings.REDIS_TIMEOUT_SECONDS)


@functools.cache
def _script(url: str, source: str) -> Script:
    return Script(client(), source)


def script(source: str) -> Script:
    """A Lua script, sent by its digest once the server knows it; runs atomically."""
    return _script(settings.REDIS_STATE_URL, source)


@functools.cache
def _digest_of(source: str) -> str:
    """By what Redis knows a script."""
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class _Line(threading.local):
    """The connection that this thread has for `call`: to take one from the pool each time costs as much as the call."""

    whose: tuple[int, str] | None = None  # process and URL
    connection: Any = None


_line = _Line()


def call(source: str, keys: Sequence[str], args: Sequence[int]) -> Any:
    """What a script answers, for the one call of every request. Raises redis.RedisError; OSError.

    It may run twice where the connection breaks: what it does then must at worst be too careful.
    """
    command = (_digest_of(source), len(keys), *keys, *args)
    whose = (os.getpid(), settings.REDIS_STATE_URL)
    if _line.whose == whose:
        # The server may have closed it since: it was started anew, or is the primary no more.
        with suppress(redis.ConnectionError):
            return _asked(_line.connection, command, source)
    pool = client().connection_pool
    connection = pool.connection_class(**pool.connection_kwargs)
    connection.connect()  # what sends would connect, too, but asks no Sentinel where
    _line.whose, _line.connection = whose, connection
    return _asked(_line.connection, command, source)


def _asked(connection: Any, command: Sequence[Any], source: str) -> Any:
    try:
        connection.send_command("EVALSHA", *command)
        try:
            return connection.read_response()
        except redis.exceptions.NoScriptError:
            connection.send_command("EVAL", source, *command[1:])
            return connection.read_response()
    except redis.ResponseError:
        raise
    except BaseException:
        _line.whose = None
        connection.disconnect()  # an answer may still come, which must not be taken for that of the next command
        raise


def epoch() -> int:
    """When the memory of the store begins, which is now if it is new or lost. Raises StateUnavailable."""
    with guarded():
        return int(script(_FIND_EPOCH)(keys=[EPOCH_KEY]))


@contextmanager
def guarded() -> Iterator["redis.Redis"]:
    """The client, with everything that can go wrong between here and Redis as StateUnavailable."""
    url = settings.REDIS_STATE_URL
    if time.monotonic() < _silent_until.get(url, 0):
        metrics.STATE_FAILURES.inc()
        raise StateUnavailable("it did not answer a moment ago")
    try:
        yield client()
    except (redis.RedisError, OSError) as error:
        if isinstance(error, (redis.TimeoutError, MasterNotFoundError)):
            _silent_until[url] = time.monotonic() + _SILENCE_SECONDS
        metrics.STATE_FAILURES.inc()
        raise StateUnavailable(str(error)) from error
