"""Every answer says under which id its request is known: in logs, in the audit trail and to background work."""

import logging
import uuid
from typing import Any

import pytest
from django.test import Client as Browser

from api.models import AuditEntry, OutboxMessage
from tests.conftest import LogLines, Person
from tests.http.answers import problem_of
from tests.http.conftest import Send

pytestmark = pytest.mark.django_db

# One of each kind that answers: views, pages, middleware, handlers, files.
EVERYWHERE = [
    "/",
    "/health/",
    "/health/live/",
    "/health/live",
    "/health/ready/",
    "/api/v1/health",
    "/.well-known/jwks.json",
    "/api/v1/users/me/",
    "/api/v1/nope/",
    "/nope/",
    "/cms/",
    "/api/docs/",
    "/api/schema/",
    "/static/page.css",
    "/static/nope.css",
]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_has_an_id(send: Send, path: str) -> None:
    given = send("GET", path, headers={"x-request-id": "from-the_phone-1"})
    assert given["x-request-id"] == "from-the_phone-1"
    assert uuid.UUID(send("GET", path)["x-request-id"]).version == 4


def test_a_refused_host_has_an_id_too(send: Send) -> None:
    answer = send("GET", "/", headers={"host": "evil.example", "x-request-id": "abc"})
    assert problem_of(answer, 400, "bad_request")["request_id"] == "abc"


@pytest.mark.parametrize("given", ["a", "A-Z_09", "x" * 64, "-", "_"])
def test_the_callers_id_is_taken(send: Send, given: str) -> None:
    assert send("GET", "/api/v1/nope/", headers={"x-request-id": given})["x-request-id"] == given


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "a b", "a,b", "ä", "a\n", "a\r\nSet-Cookie: x", "../x", "{}", "a\x00", "x" * 8000, "٣"]
)
def test_an_id_of_another_form_is_replaced(send: Send, given: str) -> None:
    answer = send("GET", "/api/v1/nope/", headers={"x-request-id": given})
    assert uuid.UUID(answer["x-request-id"]).version == 4
    assert problem_of(answer, 404, "not_found")["request_id"] == answer["x-request-id"]


def test_an_id_that_stands_twice_is_replaced(browser: Browser) -> None:
    # What a server makes of two headers of one name.
    answer = browser.get("/api/v1/nope/", HTTP_X_REQUEST_ID="a,b")
    assert uuid.UUID(answer["x-request-id"])


def test_the_id_is_on_the_line_of_the_request(send: Send, alice: Person, log_lines: LogLines) -> None:
    send("GET", "users/me/", person=alice, headers={"x-request-id": "in-the-log"})
    (line,) = [line for line in log_lines if line["logger"] == "handset.request"]
    told: dict[str, Any] = {name: line[name] for name in ("request_id", "method", "route", "status", "user", "device")}
    assert told == {
        "request_id": "in-the-log",
        "method": "GET",
        "route": "api/v1/users/me/",
        "status": 200,
        "user": str(alice.user.id),
        "device": alice.phone.state.device_id,
    }


def test_a_refusal_is_logged_by_its_code_and_without_its_query(
    send: Send, log_lines: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    send("GET", "/api/v1/users/me/?token=canary", headers={"authorization": "Bearer canary.canary.canary"})
    (line,) = [line for line in log_lines if line["logger"] == "handset.request"]
    assert (line["status"], line["code"]) == (401, "token_invalid")
    assert "canary" not in f"{log_lines} {[str(record.msg) for record in caplog.records]}"


def test_a_refusal_outside_of_the_views_says_its_code_too(send: Send, log_lines: LogLines) -> None:
    send("GET", "/api/v1/nope/")
    send("GET", "/", headers={"host": "evil.example"})
    codes = [line["code"] for line in log_lines if line["logger"] == "handset.request"]
    assert codes == ["not_found", "bad_request"]


def test_probes_are_no_noise_in_the_log(send: Send, log_lines: LogLines, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "handset"):
        for path in ("/health/live/", "/health/ready/", "/health/", "/api/v1/health", "/health/live"):
            send("GET", path)
    assert not log_lines
    assert not [record for record in caplog.records if record.name.startswith("django.request")]


def test_the_id_is_in_the_audit_trail(send: Send, alice: Person) -> None:
    send("POST", "contacts/", {"display_name": "Ada"}, person=alice, headers={"x-request-id": "who-did-it"})
    assert AuditEntry.objects.get(action="contact.created").request_id == "who-did-it"


def test_the_id_goes_with_background_work(send: Send, alice: Person, settings: Any) -> None:
    if not settings.REDIS_STATE_URL:
        # The end of a session is published only where processes share a Redis; the address refuses connections.
        settings.REDIS_STATE_URL = "redis://127.0.0.1:1/0"
    answer = send("POST", "auth/logout/", {}, person=alice, headers={"x-request-id": "who-caused-it"})
    assert answer.status_code == 204
    assert OutboxMessage.objects.get(request_id="who-caused-it").task == "auth.publish_revocations"
