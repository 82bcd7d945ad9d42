"""The stores that a server stands on, and whether they answer.

Each check runs in a thread of its own with a deadline, and never twice at once: a hung store costs one thread, and whoever
asks is answered all the same.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from api.platform import broker, cache, state, storage

_DEADLINE_SECONDS = 1.0


class Finding(NamedTuple):
    is_up: bool
    latency_ms: float | None


class Check:
    """One store, asked with a deadline. Probes that come while a question is under way share its answer."""

    def __init__(self, name: str, ask: Callable[[], None], *, is_needed: bool) -> None:
        self.name, self.is_needed, self._ask = name, is_needed, ask
        self._lock = threading.Lock()
        self._asked: _Question | None = None

    def begin(self) -> "_Question":
        """Asks, unless an answer is still awaited."""
        with self._lock:
            if self._asked is None or self._asked.is_answered.is_set():
                self._asked = _Question(self._ask)
            return self._asked

    def find(self) -> Finding:
        """What the store answers now. One that has not answered in time is down, and is not asked again until it has."""
        return self.begin().finding()


class _Question:
    """One call of a store, in a thread of its own."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.started = time.perf_counter()
        self.is_up = False
        self.latency_ms: float | None = None
        self.is_answered = threading.Event()
        threading.Thread(target=self._run, args=(ask,), daemon=True).start()

    def finding(self) -> Finding:
        """What came of it, once it is answered or the deadline is over."""
        self.is_answered.wait(max(0.0, self.started + _DEADLINE_SECONDS - time.perf_counter()))
        return Finding(self.is_up, self.latency_ms)

    def _run(self, ask: Callable[[], None]) -> None:
        try:
            ask()
            self.latency_ms = round((time.perf_counter() - self.started) * 1000, 1)
            self.is_up = True
        except Exception:  # noqa: BLE001, S110 -- whatever a store's client raises means the same here: it is not up
            pass
        finally:
            connection.close()
            self.is_answered.set()


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_state() -> None:
    with state.guarded() as redis:
        redis.ping()


def _ask_cache() -> None:
    cache.put(cache.PROBE, "health", value=1)
    if cache.get(cache.PROBE, "health") != 1:
        raise ConnectionError("the cache forgets")


def _ask_broker() -> None:
    broker.ping(timeout_seconds=_DEADLINE_SECONDS)


def _ask_storage() -> None:
    storage.exists("health")


def _ask_migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise ConnectionError("migrations are missing")


DATABASE = Check("database", _ask_database, is_needed=True)
MIGRATIONS = Check("migrations", _ask_migrations, is_needed=True)
STATE = Check("state", _ask_state, is_needed=True)
CACHE = Check("cache", _ask_cache, is_needed=False)
BROKER = Check("broker", _ask_broker, is_needed=False)
STORAGE = Check("storage", _ask_storage, is_needed=False)


def checks() -> list[Check]:
    """What this server stands on."""
    found = [DATABASE, CACHE, STORAGE]
    if state.is_configured():
        found.append(STATE)
    if broker.is_configured():
        found.append(BROKER)
    return found


def found() -> dict[str, Finding]:
    """How each store does, asked all at once: stores that hang cost one deadline."""
    questions = {check.name: check.begin() for check in checks()}
    return {name: question.finding() for name, question in questions.items()}
