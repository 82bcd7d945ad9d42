"""The cache: what can be computed again, for as long as it may be old. Fails open, and says so in the metrics.

    place = cache.get_or_put(cache.PLACE, address, compute=lambda: look_up(address))

Every key stands in this module, with how long it lives. When the store does not answer, reading finds nothing, writing
and deleting do nothing, and nobody waits for it again within a second: whatever is kept here must be right without.
What must not be old, such as who may do what, does not belong here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.core.cache import caches

from api.platform import metrics

T = TypeVar("T")

_SILENCE_SECONDS = 1
_silent_until = 0.0
_MISSING = object()


class Key(NamedTuple):
    """What is kept, and for how long. Its parts, such as an id, follow the name."""

    name: str
    seconds: int

    def of(self, *parts: object) -> str:
        return ":".join((self.name, *map(str, parts)))


# What probes leave to see whether the store keeps anything.
PROBE = Key("probe", 5)


def get(key: Key, *parts: object, default: Any = None) -> Any:
    """What is kept, or the default."""
    found = _tried("get", lambda store: store.get(key.of(*parts), _MISSING), _MISSING)
    return default if found is _MISSING else found


def put(key: Key, *parts: object, value: Any) -> None:
    """Keeps a value for the time of its key."""
    _tried("set", lambda store: store.set(key.of(*parts), value, key.seconds), None)


def delete(key: Key, *parts: object) -> None:
    """Forgets what is kept. While the store does not answer, it may live on until its time is over."""
    _tried("delete", lambda store: store.delete(key.of(*parts)), None)


def get_or_put(key: Key, *parts: object, compute: Callable[[], T]) -> T:
    """What is kept; computed, and kept from now on, when there is none."""
    found: Any = get(key, *parts, default=_MISSING)
    if found is _MISSING:
        found = compute()
        put(key, *parts, value=found)
    value: T = found
    return value


def memory() -> Mapping[str, Any]:
    """What Redis says of its memory, its limit and its policy; nothing without one. Raises what its client raises."""
    if not settings.REDIS_CACHE_URL:
        return {}
    found: Mapping[str, Any] = caches["telling"].client.get_client().info("memory")  # type: ignore[attr-defined]  # django-redis
    return found


def _tried(operation: str, use: Callable[[Any], Any], fallback: Any) -> Any:
    global _silent_until  # noqa: PLW0603 -- of the process
    if time.monotonic() < _silent_until:
        metrics.CACHE.labels(operation, "error").inc()
        return fallback
    try:
        found = use(caches["telling"])
    except Exception:  # noqa: BLE001 -- whatever the store's client raises means the same here
        _silent_until = time.monotonic() + _SILENCE_SECONDS
        metrics.CACHE.labels(operation, "error").inc()
        return fallback
    outcome = "miss" if found is _MISSING else "hit" if operation == "get" else "done"
    metrics.CACHE.labels(operation, outcome).inc()
    return found
