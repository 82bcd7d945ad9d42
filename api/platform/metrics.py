"""What the server counts, for Prometheus. Who keeps the counts, and where: `api.platform.metric_files`.

Labels are templates of routes, codes, and names that stand in the code: their number is bounded.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.platform import metric_files

if metric_files.is_shared():
    values.ValueClass = values.MultiProcessValue(process_identifier=metric_files.place)  # type: ignore[no-untyped-call]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

REQUESTS = Counter(
    "handset_http_requests", "Requests answered, by template of the route.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "handset_http_request_duration_seconds",
    "How long requests took.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
PROBLEMS = Counter(
    "handset_problems",
    "Refusals, by code: throttled, nonce_replayed, refresh_reuse_detected … (docs/errors.md).",
    ["code"],
)
QUERY_SECONDS = Histogram(
    "handset_database_query_duration_seconds",
    "How long statements took.",
    ["database"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
)
CONNECTIONS = Gauge(
    "handset_database_connections", "Connections to databases that are open.", multiprocess_mode="livesum"
)
EVENTS = Counter(
    "handset_events", "What services have told the audit trail, such as device.registered.", ["event", "outcome"]
)
TOKENS = Counter("handset_tokens_issued", "Access tokens issued, to persons and to devices alone.", ["holder"])
STATE_FAILURES = Counter("handset_state_store_failures", "Calls of the state store without an answer.")
CACHE = Counter("handset_cache_operations", "Uses of the cache.", ["operation", "outcome"])
MAILS = Counter("handset_mails", "Mails handed to the provider, and refused by it.", ["outcome"])
TASKS = Counter("handset_tasks", "Background work that has ended or is tried again.", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "handset_task_duration_seconds",
    "How long background work took.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300),
)


@functools.cache
def _requests_of(method: str, route: str, status: int) -> Counter:
    return REQUESTS.labels(method, route, status)


@functools.cache
def _request_seconds_of(method: str, route: str) -> Histogram:
    return REQUEST_SECONDS.labels(method, route)


def count_request(method: str, route: str | None, status: int, *, code: str | None, seconds: float) -> None:
    """`route` is a template; `code` that of a refusal."""
    known = method if method in _METHODS else "other"
    _requests_of(known, route or "none", status).inc()
    _request_seconds_of(known, route or "none").observe(seconds)
    if code is not None:
        PROBLEMS.labels(code).inc()


@functools.cache
def _query_seconds_of(alias: str) -> Histogram:
    return QUERY_SECONDS.labels(alias)


def timed_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """Django's wrapper of a statement; see `api.platform.connections`."""
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        _query_seconds_of(context["connection"].alias).observe(time.perf_counter() - started)


@contextmanager
def timed_task(name: str) -> Iterator[Callable[[str], None]]:
    """Measures a task; the block says how it ended by calling what it is given."""
    started = time.perf_counter()
    outcome = "failure"

    def ended(how: str) -> None:
        nonlocal outcome
        outcome = how

    try:
        yield ended
    finally:
        TASK_SECONDS.labels(name).observe(time.perf_counter() - started)
        TASKS.labels(name, outcome).inc()


def _registry(extra: Iterable[Collector]) -> CollectorRegistry:
    registry = CollectorRegistry()
    if metric_files.is_shared():
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # half of the library has types
    else:
        registry.register(REGISTRY)
    for collector in extra:
        registry.register(collector)
    return registry


def exposition(extra: Iterable[Collector] = ()) -> tuple[bytes, str]:
    """What all processes of this server have counted, and its media type."""
    return generate_latest(_registry(extra)), _MEDIA_TYPE


def serve(port: int) -> None:
    """Answers /metrics on a port of its own, in a thread: for processes that are no web server."""
    start_http_server(port, registry=_registry(()))
