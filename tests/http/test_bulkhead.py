"""While every other thread waits, two are left: one for probes that ask a store, one for liveness."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from core.middleware import _SQLITE_AT_ONCE, BulkheadMiddleware

THREADS = 5
PATH = "/api/v1/contacts/"


class Hall:
    """A bulkhead before a store that hangs until it is let go."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._entered = threading.Semaphore(0)
        self._bulkhead = BulkheadMiddleware(self._hang)
        self._pool = ThreadPoolExecutor(settings.WEB_THREADS)

    def _hang(self, request: HttpRequest) -> HttpResponse:
        self._entered.release()
        assert self.release.wait(10)
        return HttpResponse("served")

    def call(self, path: str = PATH) -> HttpResponse:
        return self._bulkhead(RequestFactory().get(path))

    def fill(self, number: int, path: str = PATH, *, served: int | None = None) -> list["Future[HttpResponse]"]:
        """That many calls, each of which hangs when this returns, or at least `served` of them."""
        calls = [self._pool.submit(self.call, path) for _ in range(number)]
        for _ in range(number if served is None else served):
            assert self._entered.acquire(timeout=10)
        return calls


@pytest.fixture
def hall(settings: Settings) -> Iterator[Hall]:
    settings.WEB_THREADS = THREADS
    hall = Hall()
    yield hall
    hall.release.set()
    hall._pool.shutdown()


def test_all_but_two_threads_work_and_the_next_call_is_refused_at_once(hall: Hall) -> None:
    calls = hall.fill(THREADS - 2)
    answer = hall.call()
    assert (answer.status_code, answer["content-type"]) == (503, "application/problem+json")
    assert json.loads(answer.content)["code"] == "temporarily_unavailable"
    assert answer["retry-after"] == "1"
    hall.release.set()
    assert [call.result(10).content for call in calls] == [b"served"] * (THREADS - 2)
    assert hall.call().content == b"served"


@pytest.mark.parametrize("path", ["/health/", "/health/ready/", "/api/v1/health"])
def test_one_probe_gets_past_a_full_house(hall: Hall, path: str) -> None:
    hall.fill(THREADS - 2)
    (probe,) = hall.fill(1, path)
    # The last thread is liveness's, which is answered before anybody counts.
    assert hall.call(path).status_code == 503
    hall.release.set()
    assert probe.result(10).content == b"served"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases serve as many as there are threads")
def test_on_sqlite_those_inside_take_turns(settings: Settings) -> None:
    settings.WEB_THREADS = 4 * _SQLITE_AT_ONCE
    hall = Hall()
    calls = hall.fill(2 * _SQLITE_AT_ONCE, served=_SQLITE_AT_ONCE)
    assert not hall._entered.acquire(timeout=0.2)
    hall.release.set()
    assert [call.result(10).content for call in calls] == [b"served"] * 2 * _SQLITE_AT_ONCE
    hall._pool.shutdown()


def test_who_fails_inside_leaves_as_well(settings: Settings) -> None:
    settings.WEB_THREADS = THREADS

    def fail(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    bulkhead = BulkheadMiddleware(fail)
    for _ in range(2 * THREADS):
        with pytest.raises(RuntimeError):
            bulkhead(RequestFactory().get(PATH))
