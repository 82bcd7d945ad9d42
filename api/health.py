"""Probes: is the process ready, how are the stores it stands on, what has it counted. Liveness is answered in
`core.middleware`; how a store is asked: `api.platform.stores`.
"""

import hmac
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import View
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api import problems
from api.platform import metrics, outbox
from api.platform.stores import DATABASE, MIGRATIONS, Check, checks

# Where the environment of a request tells that the server was told to end.
LEAVING = "handset.leaving"


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
    """Whether this process should get requests: it stays, and its database answers, with the schema that this code knows."""

    _is_migrated = False

    def get(self, request: HttpRequest) -> HttpResponse:
        is_up = not request.META.get(LEAVING) and DATABASE.find().is_up
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
