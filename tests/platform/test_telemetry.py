"""What is told to Sentry and OpenTelemetry: where and what, never who."""

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.core.signals import got_request_exception
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django import Settings
from sentry_sdk.transport import Transport

from api.platform import outbox, telemetry
from core.middleware import TraceMiddleware
from tests.conftest import PASSWORD, Person
from tests.phones import Phone

pytestmark = pytest.mark.django_db


class Kept(Transport):
    """Keeps what would be sent."""

    events: list[Any]

    def capture_envelope(self, envelope: Any) -> None:
        self.events.append(envelope.get_event())


@pytest.fixture
def events(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    settings.SENTRY_DSN = "https://key@sentry.invalid/1"
    kept: list[Any] = []
    monkeypatch.setattr(Kept, "events", kept, raising=False)
    telemetry.start_sentry(transport=Kept)
    yield kept
    got_request_exception.disconnect(telemetry._on_failed_request)
    telemetry._capture = None
    sentry_sdk.init()


@pytest.fixture
def spans(settings: Settings) -> Iterator[InMemorySpanExporter]:
    settings.OTEL_TRACES_RATIO = 1.0
    exporter = InMemorySpanExporter()
    telemetry.start_traces(exporter)
    yield exporter
    connection_created.disconnect(telemetry._trace_queries)
    connection.execute_wrappers.remove(telemetry._traced_query)
    telemetry._tracer = None


def test_an_error_is_told_by_its_kind_and_place(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str) -> None:
        raise ValueError(f"Duplicate entry '{address}'")

    monkeypatch.setitem(outbox._tasks, "tests.fail", fail)
    address = "@".join(("ada", "example.com"))  # as it stands in no line of the code
    outbox.enqueue("tests.fail", {"address": address})
    (message,) = outbox.claim(most=1)
    message.failures = outbox.ATTEMPTS - 1
    outbox.execute(message)
    (event,) = events
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["tags"]["task"] == "tests.fail"
    assert address not in repr(event)


def test_what_is_tried_again_is_told_to_nobody(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox._tasks, "tests.fail", lambda: 1 / 0)
    outbox.enqueue("tests.fail")
    (message,) = outbox.claim(most=1)
    outbox.execute(message)
    assert events == []


def test_a_request_and_its_statements_are_one_trace(spans: InMemorySpanExporter, alice: Person, rf: Any) -> None:
    def answer(request: Any) -> HttpResponse:
        return HttpResponse(status=alice.phone.request("GET", "users/me/").status)

    request = rf.get("/api/v1/users/me/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    request.request_id, request.resolver_match = "r1", None
    telemetry.flush()
    spans.clear()  # of signing up
    TraceMiddleware(answer)(request)
    telemetry.flush()
    found = spans.get_finished_spans()
    (outer,) = [span for span in found if span.name.startswith("GET")]
    assert f"{outer.context.trace_id:032x}" == "a" * 32
    statements = [span for span in found if span.name == "query"]
    assert statements
    assert all(span.context.trace_id == outer.context.trace_id for span in statements)
    assert "example.com" not in "".join(span.to_json() for span in found)


def test_values_are_not_traced(spans: InMemorySpanExporter, phone: Phone) -> None:
    phone.sign_up("traced@example.com", PASSWORD)
    telemetry.flush()
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "INSERT" in told
    assert "traced" not in told
    assert PASSWORD not in told
