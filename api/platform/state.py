"""The one door to the Redis that holds state (nonces, limits, revocations, memberships): client, scripts, failure.

Without REDIS_STATE_URL there is none, and the mechanisms above this module use the database instead.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

# When the state store was found new or lost (seconds): what was remembered before then is not remembered any more.
EPOCH_KEY = "epoch"


class StateUnavailable(Exception):
    """Redis does not answer, or cannot take a write. Each mechanism decides whether that opens or closes it."""


def is_configured() -> bool:
    return bool(settings.REDIS_STATE_URL)


@functools.cache
def _client(url: str, timeout_seconds: float) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        health_check_interval=30,
        # No second try: it would double the time that a hung store costs, and could count a limit twice.
        retry=Retry(NoBackoff(), 0),
    )


def client() -> "redis.Redis":
    return _client(settings.REDIS_STATE_URL, settings.REDIS_TIMEOUT_SECONDS)


@functools.cache
def _script(url: str, source: str) -> Script:
    return Script(client(), source)


def script(source: str) -> Script:
    """A Lua script, sent by its digest once the server knows it; runs atomically."""
    return _script(settings.REDIS_STATE_URL, source)


@contextmanager
def guarded() -> Iterator["redis.Redis"]:
    """The client, with everything that can go wrong between here and Redis as StateUnavailable."""
    try:
        yield client()
    except (redis.RedisError, OSError) as error:
        raise StateUnavailable(str(error)) from error
