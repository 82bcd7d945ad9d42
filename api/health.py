"""Probes: is the process ready, how are the stores it stands on, what has it counted. Liveness is answered in
`core.middleware`.

Each check runs in a thread of its own with a deadline, and never twice at once: a hung store costs one thread, and the
probe answers all the same.
"""

import hmac
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import View
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api import problems
from api.platform import broker, cache, metrics, outbox, state, storage

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


class _Probe(View):
    http_method_names = ["get", "head"]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return problems.method_not_allowed(request, ("GET", "HEAD"))


class HealthView(_Probe):
    """The state of every store; names and latencies only for operators."""

    def get(self, request: HttpRequest) -> HttpResponse:
        questions = {check: check.begin() for check in checks()}  # all at once: stores that hang cost one deadline
        findings = {check: question.finding() for check, question in questions.items()}
        is_up = all(finding.is_up for check, finding in findings.items() if check.is_needed)
        body: dict[str, Any] = {"status": "ok" if is_up else "unavailable"}
        if _may_see_details(request, is_database_up=findings[DATABASE].is_up):
            body["version"] = settings.VERSION
            body["checks"] = {
                check.name: {"status": "ok" if finding.is_up else "down", "latency_ms": finding.latency_ms}
                for check, finding in findings.items()
            }
        return _answer(body, is_up)


class ReadyView(_Probe):
    """Whether this process should get requests: its database answers, with the schema that this code knows."""

    _is_migrated = False

    def get(self, request: HttpRequest) -> HttpResponse:
        is_up = DATABASE.find().is_up
        if is_up and not ReadyView._is_migrated:
            ReadyView._is_migrated = is_up = MIGRATIONS.find().is_up
        return _answer({"status": "ok" if is_up else "unavailable"}, is_up)


class _Backlog(Collector):
    """The outbox, as it is when somebody asks; nothing, while the database does not answer."""

    def __init__(self) -> None:
        self._found: outbox.Backlog | None = None
        self._check = Check("backlog", self._ask, is_needed=False)

    def _ask(self) -> None:
        self._found = outbox.backlog()

    def collect(self) -> Iterable[Metric]:
        found = self._found if self._check.find().is_up else None
        if found is not None:
            yield GaugeMetricFamily("handset_outbox_due", "Messages that wait for a worker.", found.due)
            yield GaugeMetricFamily(
                "handset_outbox_oldest_due_seconds", "How long the first of them has waited.", found.oldest_due_seconds
            )
            yield GaugeMetricFamily("handset_outbox_failed", "Messages that have failed for good.", found.failed)


_BACKLOG = _Backlog()
_VERSION = GaugeMetricFamily("handset_build_info", "Which version runs; always 1.", labels=["version"])
_VERSION.add_metric([settings.VERSION], 1)


class _Version(Collector):
    def collect(self) -> Iterable[Metric]:
        yield _VERSION


class MetricsView(_Probe):
    """What all processes of this server have counted, for Prometheus."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not _has_token(request):
            return problems.not_found(request, Http404())
        content, media_type = metrics.exposition([_BACKLOG, _Version()])
        return HttpResponse(content, media_type, headers={"Cache-Control": "no-store"})


def _answer(body: dict[str, Any], is_up: bool) -> HttpResponse:
    if is_up:
        return JsonResponse(body, headers={"Cache-Control": "no-store"})
    headers = {"Cache-Control": "no-store", "Retry-After": "2"}
    response = JsonResponse(body, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own line for each 5xx: probes are many
    return response


def _may_see_details(request: HttpRequest, *, is_database_up: bool) -> bool:
    # A session is a row: without the database there is nobody to ask, and a probe does not wait for it.
    user = getattr(request, "user", None) if is_database_up else None
    if user is not None and user.is_authenticated and user.is_staff:
        return True
    return _has_token(request)


def _has_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
