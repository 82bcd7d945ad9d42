"""`/metrics`: numbers for Prometheus, to whoever has METRICS_TOKEN; what they count, and that their number is bounded."""

import re
import shutil
import subprocess
from collections.abc import Callable

import pytest
from django.utils import timezone
from pytest_django import Settings

from api.models import OutboxMessage
from api.platform import outbox
from tests.conftest import PASSWORD, Person
from tests.http.conftest import Send
from tests.phones import InProcess, Phone

pytestmark = pytest.mark.django_db

TOKEN = "an operator's token"
SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)")

Read = Callable[[], dict[str, float]]
NewPhone = Callable[..., tuple[Phone, InProcess]]


@pytest.fixture
def read(send: Send, settings: Settings) -> Read:
    """The samples that a scrape finds, by name with labels."""
    settings.METRICS_TOKEN = TOKEN

    def scrape() -> dict[str, float]:
        answer = send("GET", "/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer["cache-control"]) == (200, "no-store")
        matches = map(SAMPLE.fullmatch, answer.content.decode().splitlines())
        return {f"{match[1]}{{{match[2] or ''}}}": float(match[3]) for match in matches if match}

    return scrape


def rise(before: dict[str, float], after: dict[str, float], sample: str) -> float:
    return after.get(sample, 0) - before.get(sample, 0)


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic x"])
def test_strangers_find_nothing_there(send: Send, settings: Settings, given: str) -> None:
    for token in (TOKEN, ""):
        settings.METRICS_TOKEN = token
        answer = send("GET", "/metrics", headers={"authorization": given})
        assert answer.status_code == 404
        assert b"handset" not in answer.content.replace(b"urn:handset", b"")


def test_scrapers_call_by_whatever_name_they_know(send: Send, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    headers = {"authorization": f"Bearer {TOKEN}", "host": "10.244.0.7:8000"}
    assert send("GET", "/metrics", headers=headers).status_code == 200


def test_requests_are_counted_by_template_and_status(read: Read, alice: Person) -> None:
    before = read()
    for slug in ("nobody-aaaaaa", "nobody-bbbbbb"):
        assert alice.phone.request("GET", f"contacts/{slug}/").status == 404
    after = read()
    labels = 'method="GET",route="api/v1/contacts/<slug:slug>/"'
    counted = [name for name in after if name.startswith("handset_http_requests_total") and "contacts/<" in name]
    assert counted, [name for name in after if "http_requests_total" in name]
    assert sum(rise(before, after, name) for name in counted) == 2
    assert all("nobody" not in name for name in after), labels
    seconds = [name for name in after if name.startswith("handset_http_request_duration_seconds_count")]
    assert sum(rise(before, after, name) for name in seconds) >= 2
    assert rise(before, after, 'handset_problems_total{code="not_found"}') == 2


def test_made_up_methods_and_addresses_add_no_series(read: Read, send: Send) -> None:
    for path in ("/nope/1/", "/nope/2/"):
        send("BREW", path)
    before = read()
    for number in range(5):
        send(f"BREW{number}", f"/nope/{number}/")
    assert read().keys() == before.keys()


def test_registrations_and_tokens_are_counted(read: Read, new_phone: NewPhone) -> None:
    before = read()
    phone, _ = new_phone()
    phone.sign_up("metrics@example.com", PASSWORD)
    after = read()
    for sample in (
        'handset_events_total{event="device.registered",outcome="success"}',
        'handset_events_total{event="user.created",outcome="success"}',
        'handset_tokens_issued_total{holder="device"}',
        'handset_tokens_issued_total{holder="person"}',
    ):
        assert rise(before, after, sample) == 1, sample
    assert rise(before, after, 'handset_database_query_duration_seconds_count{database="default"}') > 5
    assert after["handset_database_connections{}"] >= 1


def test_the_outbox_tells_what_waits_and_how_it_ends(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox._tasks, "tests.fine", lambda: None)
    monkeypatch.setitem(outbox._tasks, "tests.wrong", lambda: 1 / 0)
    before = read()
    outbox.enqueue("tests.fine")
    outbox.enqueue("tests.wrong")
    for message in outbox.claim(most=10):
        outbox.execute(message)
    OutboxMessage.objects.filter(task="tests.wrong").update(failed_at=timezone.now(), due_at=None)
    after = read()
    assert rise(before, after, 'handset_tasks_total{outcome="done",task="tests.fine"}') == 1
    assert rise(before, after, 'handset_tasks_total{outcome="retried",task="tests.wrong"}') == 1
    assert rise(before, after, 'handset_task_duration_seconds_count{task="tests.fine"}') == 1
    found = outbox.backlog()
    assert (found.due, found.failed) == (0, 1)
    outbox.enqueue("tests.fine")
    found = outbox.backlog()
    assert found.due == 1
    assert 0 <= found.oldest_due_seconds < 60


def test_prometheus_takes_what_it_is_told(send: Send, settings: Settings) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    settings.METRICS_TOKEN = TOKEN
    text = send("GET", "/metrics", headers={"authorization": f"Bearer {TOKEN}"}).content
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")
