"""Traces (OpenTelemetry) and unexpected errors (Sentry), where their variables are set. The one door to both SDKs, which
are loaded only then, in each process after it was forked: their threads do not survive a fork.

Neither is told who somebody is: no address, header, body, parameter or variable leaves, and of an error not its text, in which
databases repeat what was sent. The request id leads to the log lines, which know the device and the person.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import connections
from django.db.backends.signals import connection_created

from api.platform import log_context

_SQL_MAX_CHARS = 2000

_tracer: Any = None
_capture: Callable[[BaseException], Any] | None = None


def start() -> None:
    """To be called once in each process that serves or works."""
    if settings.SENTRY_DSN:
        start_sentry()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        start_traces(_exporter())


# -- errors


def start_sentry(**own: Any) -> None:
    """Reports errors that nobody expected. `own` are further options of the SDK."""
    global _capture  # noqa: PLW0603 -- of the process
    import sentry_sdk  # noqa: PLC0415 -- only where it is wanted

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.ENVIRONMENT,
        release=settings.VERSION,
        # Its integrations look into requests, frames and logs; what they may tell is not ours to give away.
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=_bare,
        **own,
    )
    _capture = sentry_sdk.capture_exception
    got_request_exception.connect(_on_failed_request)


def _on_failed_request(**_: Any) -> None:
    report()


def report(error: BaseException | None = None) -> None:
    """Tells of an error; the one that is being handled if none is given."""
    if _capture is not None:
        _capture(error)  # type: ignore[arg-type]  # None is what the SDK takes for "the present one"


def _bare(event: Any, _: Any) -> Any:
    """An event without what could name somebody."""
    for unwanted in ("request", "user", "server_name", "breadcrumbs", "extra", "modules"):
        event.pop(unwanted, None)
    for error in event.get("exception", {}).get("values", []):
        error["value"] = ""
    context = log_context.members()
    event["tags"] = {name: context[name] for name in ("request_id", "task") if name in context}
    return event


# -- traces


def _exporter() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 -- as above

    return OTLPSpanExporter(endpoint=f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces", timeout=5)


def start_traces(exporter: Any) -> None:
    """Records requests, statements and tasks, as many of them as OTEL_TRACES_RATIO says."""
    global _tracer  # noqa: PLW0603 -- of the process
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 -- as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 -- as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 -- as above
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415 -- as above

    some = TraceIdRatioBased(settings.OTEL_TRACES_RATIO)
    resource = Resource({"service.name": "handset", "service.version": settings.VERSION})
    # Callers may join their trace to ours, but not decide that we record it: it is we who pay.
    provider = TracerProvider(sampler=ParentBased(some, remote_parent_sampled=some), resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("handset")
    for connection in connections.all(initialized_only=True):
        _trace_queries(connection)
    connection_created.connect(_trace_queries)


def flush() -> None:
    """Hands over what has been recorded."""
    if _tracer is not None:
        _tracer.span_processor.force_flush()


@contextmanager
def request_span(headers: Mapping[str, str]) -> Iterator[Any]:
    """A span for a request, which the block names by its route when it knows it."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 -- as above
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 -- as above

    parent = TraceContextTextMapPropagator().extract({"traceparent": headers.get("traceparent", "")})
    with _tracer.start_as_current_span("request", parent, kind=SpanKind.SERVER, record_exception=False) as span:
        yield span


@contextmanager
def task_span(name: str, request_id: str) -> Iterator[None]:
    """A span for a task; the request id leads to the request that asked for it."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(name, record_exception=False) as span:
        span.set_attribute("handset.request_id", request_id)
        yield


def _trace_queries(connection: Any, **_: Any) -> None:
    if _traced_query not in connection.execute_wrappers:
        connection.execute_wrappers.append(_traced_query)


def _traced_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """A span for a statement, with places instead of values."""
    connection = context["connection"]
    attributes = {"db.system": connection.vendor, "db.statement": sql[:_SQL_MAX_CHARS]}
    with _tracer.start_as_current_span("query", attributes=attributes, record_exception=False):
        return execute(sql, params, many, context)
