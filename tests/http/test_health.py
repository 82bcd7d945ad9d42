"""Probes: liveness asks nothing, readiness asks the database for its schema, health tells details to operators only."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from api import health
from api.models import User
from api.platform import stores
from tests.http.answers import problem_of
from tests.http.conftest import Send

pytestmark = pytest.mark.django_db

HEALTH = ["/health/", "/api/v1/health"]
UP = {"status": "ok"}
DOWN = {"status": "unavailable"}
COOKIE = f"sessionid={'a' * 32}"


@pytest.fixture(autouse=True)
def _asks_for_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process asks until it has seen them once; each test is a new process in this respect."""
    monkeypatch.setattr(health.ReadyView, "_is_migrated", False)


@pytest.fixture
def database_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects from now on finds nobody: each check does, in a thread of its own."""
    address = connections.settings["default"]
    if "sqlite" in address["ENGINE"]:
        monkeypatch.setitem(address, "NAME", "/nowhere/handset.sqlite3")
    else:
        monkeypatch.setitem(address, "HOST", "127.0.0.1")
        monkeypatch.setitem(address, "PORT", "1")


def in_another_thread(call: Callable[[], Any]) -> Any:
    """What `call` returns in a thread, whose connection is its own."""
    returned: list[Any] = []

    def run() -> None:
        try:
            returned.append(call())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return returned[0]


# -- liveness


def test_a_turning_process_is_alive_and_asks_nobody(send: Send, settings: Settings) -> None:
    settings.REDIS_STATE_URL = "redis://127.0.0.1:1/0"
    with CaptureQueriesContext(connection) as asked:
        for path in ("/health/live/", "/health/live"):
            answer = send("GET", path, headers={"host": "10.244.0.7:8000", "cookie": "sessionid=made-up"})
            assert (answer.status_code, json.loads(answer.content)) == (200, UP)
    assert len(asked) == 0


@pytest.mark.usefixtures("database_down")
def test_a_process_is_alive_while_its_database_is_down() -> None:
    assert in_another_thread(lambda: Browser().get("/health/live/").status_code) == 200


# -- readiness


def test_a_process_is_ready_when_its_database_has_the_schema(send: Send) -> None:
    answer = send("GET", "/health/ready/")
    assert (answer.status_code, json.loads(answer.content)) == (200, UP)


@pytest.mark.usefixtures("database_down")
def test_a_process_is_not_ready_without_its_database(send: Send) -> None:
    answer = send("GET", "/health/ready/")
    assert (answer.status_code, json.loads(answer.content)) == (503, DOWN)
    assert int(answer["retry-after"]) > 0


@pytest.mark.usefixtures("database_down")
def test_readiness_is_lost_with_the_database_and_comes_back(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send("GET", "/health/ready/").status_code == 503
    monkeypatch.undo()
    assert send("GET", "/health/ready/").status_code == 200


@pytest.fixture
def pending_migration(transactional_db: None) -> Iterator[None]:
    """The last migration has not been run, as far as the database knows."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'elsewhere' WHERE app = 'api'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'api' WHERE app = 'elsewhere'")


def test_a_process_is_not_ready_before_its_migrations(send: Send, pending_migration: None) -> None:
    answer = send("GET", "/health/ready/")
    assert (answer.status_code, json.loads(answer.content)) == (503, DOWN)
    # It is asked again until it is so, and never afterwards.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'api' WHERE app = 'elsewhere'")
    assert send("GET", "/health/ready/").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'elsewhere' WHERE app = 'api'")
    assert send("GET", "/health/ready/").status_code == 200


# -- health


@pytest.mark.parametrize("path", HEALTH)
def test_strangers_learn_only_whether_it_is_up(send: Send, path: str) -> None:
    answer = send("GET", path)
    assert (answer.status_code, json.loads(answer.content)) == (200, UP)
    assert answer["cache-control"] == "no-store"


@pytest.mark.usefixtures("database_down")
@pytest.mark.parametrize("path", HEALTH)
def test_health_without_a_needed_store_is_a_503(send: Send, path: str) -> None:
    answer = send("GET", path)
    assert (answer.status_code, json.loads(answer.content)) == (503, DOWN)
    assert int(answer["retry-after"]) > 0


@pytest.mark.parametrize("path", HEALTH)
def test_operators_see_every_store(send: Send, settings: Settings, path: str) -> None:
    settings.METRICS_TOKEN = "an operator's token"
    answer = send("GET", path, headers={"authorization": "Bearer an operator's token"})
    body = json.loads(answer.content)
    assert (body["status"], body["version"]) == ("ok", settings.VERSION)
    assert body["checks"].keys() >= {"database", "cache"}
    for finding in body["checks"].values():
        assert finding["status"] == "ok"
        assert 0 <= finding["latency_ms"] < 1000


@pytest.mark.parametrize("path", HEALTH)
def test_operators_see_which_store_is_down(send: Send, settings: Settings, database_down: None, path: str) -> None:
    settings.METRICS_TOKEN = "an operator's token"
    settings.REDIS_STATE_URL = "redis://127.0.0.1:1/0"
    answer = send("GET", path, headers={"authorization": "Bearer an operator's token"})
    body = json.loads(answer.content)
    assert (answer.status_code, body["status"]) == (503, "unavailable")
    down = {name for name, finding in body["checks"].items() if finding["status"] == "down"}
    assert down == {"database", "state"}
    assert "127.0.0.1" not in answer.content.decode()


def test_the_state_store_is_needed_and_the_cache_is_not(send: Send, settings: Settings) -> None:
    settings.REDIS_STATE_URL = "redis://127.0.0.1:1/0"
    assert send("GET", "/health/").status_code == 503
    assert {check.name for check in stores.checks() if check.is_needed} == {"database", "state"}


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", "Bearer wrong", "an operator", "Bearer an operator's toke", "Bearer ä", "Basic x"],
)
def test_a_wrong_token_is_none(send: Send, settings: Settings, given: str) -> None:
    settings.METRICS_TOKEN = "an operator's token"
    assert json.loads(send("GET", "/health/", headers={"authorization": given}).content) == UP


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer "])
def test_no_token_is_right_where_none_is_set(send: Send, settings: Settings, given: str) -> None:
    settings.METRICS_TOKEN = ""
    assert json.loads(send("GET", "/health/", headers={"authorization": given}).content) == UP


@pytest.fixture
def person() -> User:
    return User.objects.create(email="sam@example.com", username="sam")


@pytest.mark.parametrize(("is_staff", "sees_details"), [(True, True), (False, False)])
def test_a_session_of_staff_sees_details(browser: Browser, person: User, is_staff: bool, sees_details: bool) -> None:
    person.is_staff = True
    person.save()
    browser.force_login(person)
    User.objects.update(is_staff=is_staff)
    assert ("checks" in browser.get("/health/").json()) == sees_details


def test_an_inactive_member_of_staff_sees_nothing(browser: Browser, person: User) -> None:
    person.is_staff = True
    person.save()
    browser.force_login(person)
    User.objects.update(is_active=False)
    assert browser.get("/health/").json() == UP


@pytest.mark.usefixtures("database_down")
@pytest.mark.parametrize("path", [*HEALTH, "/health/ready/"])
def test_a_cookie_makes_no_difference_while_the_database_is_down(path: str) -> None:
    def call() -> tuple[int, object]:
        answer = Browser(raise_request_exception=False, headers={"host": "localhost", "cookie": COOKIE}).get(path)
        return answer.status_code, json.loads(answer.content)

    assert in_another_thread(call) == (503, DOWN)


def test_a_made_up_cookie_is_given_no_session(send: Send) -> None:
    for path in ("/", "/health/", "/health/ready/", "/api/docs/", "/nope/", "/api/v1/health", "/cms/login/"):
        send("GET", path, headers={"cookie": COOKIE})
    assert not Session.objects.exists()


# -- all of them


@pytest.mark.parametrize("path", [*HEALTH, "/health/ready/", "/health/live/"])
def test_probes_call_by_whatever_name_they_know(send: Send, path: str) -> None:
    if path.startswith("/api/"):
        problem_of(send("GET", path, headers={"host": "pod-7.cluster.example"}), 400, "bad_request")
    else:
        assert send("GET", path, headers={"host": "pod-7.cluster.example"}).status_code == 200


def test_a_hung_store_costs_a_second_and_one_thread() -> None:
    release = threading.Event()
    hung = stores.Check("hung", lambda: release.wait(10) and None, is_needed=True)
    try:
        assert hung.find() == stores.Finding(False, None)
        # While the first question hangs there is no second one.
        threads = threading.active_count()
        assert [hung.find() for _ in range(5)] == [stores.Finding(False, None)] * 5
        assert threading.active_count() == threads
    finally:
        release.set()
