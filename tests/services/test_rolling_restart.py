"""Servers are replaced one after the other, under load, and nobody notices."""

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from handset_client import Client

from api.models import Contact
from tests.services.conftest import Deployment
from tests.services.nginx import Nginx, balancing
from tests.services.servers import Gunicorn, wait_until

pytestmark = pytest.mark.services

REPLACEMENTS = 10
CALLERS, CALLS_PER_SECOND = 10, 20  # of each; a machine that is slower than this gets fewer
ONE_WRITES_IN = 10
DRAIN_SECONDS = 5
GONE_SECONDS = 60


class Load:
    """Callers who ask and write at a steady pace until the `with` block is left, and say nothing twice.

    Each call has a connection of its own: what nginx does to its callers' idle connections when it is reloaded is not
    what is tested here. Its own connections to the servers it keeps.
    """

    def __init__(self, port: int, phones: Sequence[Client]) -> None:
        self._port = port
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(phone,)) for phone in phones]
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self.written: list[str] = []

    def __enter__(self) -> Self:
        self._began_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self._seconds = time.monotonic() - self._began_at

    def _work(self, phone: Client) -> None:
        headers = {"Authorization": f"Bearer {phone.state.access}", "Content-Type": "application/json"}
        due_at, number = time.monotonic(), 0
        while not self._is_over.wait(max(0.0, due_at - time.monotonic())):
            due_at, number = max(due_at + 1 / CALLS_PER_SECOND, time.monotonic()), number + 1
            self._call(headers, is_write=number % ONE_WRITES_IN == 0)

    def _call(self, headers: dict[str, str], *, is_write: bool) -> None:
        method, path, body = (
            ("POST", "contacts/", '{"first_name": "Grace"}') if is_write else ("GET", "auth/check/", None)
        )
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
                connection.request(method, f"/api/v1/{path}", body, headers)
                response = connection.getresponse()
                content = response.read()
                answer = f"{method} {response.status}"
        except (OSError, http.client.HTTPException) as error:
            answer = f"{method} {error!r}"
        with self._lock:
            self._answers[answer] += 1
            if answer == "POST 201":
                self.written.append(json.loads(content)["id"])

    @property
    def failures(self) -> dict[str, int]:
        return {answer: number for answer, number in self._answers.items() if answer not in {"GET 200", "POST 201"}}

    @property
    def told(self) -> str:
        total = self._answers.total()
        answers = ", ".join(f"{number} × {answer}" for answer, number in sorted(self._answers.items()))
        return f"{total} calls in {self._seconds:.0f} s, {total / self._seconds:.0f} a second: {answers}"


class Fleet:
    """Two servers behind a balancer, and whoever was there before them."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment, self._folder = environment, folder
        self.ever: list[Gunicorn] = []
        self.serving = [self.start(), self.start()]

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.serving]

    def start(self) -> Gunicorn:
        server = Gunicorn(self._environment, self._folder / f"gunicorn-{len(self.ever)}.log")
        self.ever.append(server)
        return server

    def replace(self, balancer: Nginx) -> None:
        """As a cluster does it: the next is ready, the first is told to end, is not ready, is sent nothing, is gone."""
        leaving, staying = self.serving
        coming = self.start()
        _wait_until_ready(coming)
        os.kill(leaving.pid, signal.SIGTERM)
        wait_until(lambda: _readiness(leaving) == 503, "it is not ready")
        self.serving = [staying, coming]
        balancer.send_to(self.ports)
        wait_until(lambda: not leaving.is_running, "it has gone", seconds=GONE_SECONDS)


@contextmanager
def _fleet(environment: dict[str, str], folder: Path) -> Iterator[Fleet]:
    fleet = Fleet(environment, folder)
    try:
        for server in fleet.serving:
            _wait_until_ready(server)
        yield fleet
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Gunicorn.stop, fleet.ever))


def _wait_until_ready(server: Gunicorn) -> None:
    server.wait_until_up()
    wait_until(lambda: _readiness(server) == 200, "the server is ready", seconds=30)


def _readiness(server: Gunicorn) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as asking:
        asking.request("GET", "/health/ready/")
        return asking.getresponse().status


def test_ten_servers_are_replaced_and_no_request_fails(
    deployed: Deployment, tmp_path: Path, report: Callable[[str], None]
) -> None:
    environment = deployed.environment | {
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "16",
        "DRAIN_SECONDS": str(DRAIN_SECONDS),
    }
    phones = deployed.phones(CALLERS)
    people = [deployed.person(phone) for phone in phones]
    with _fleet(environment, tmp_path) as fleet, balancing(tmp_path, fleet.ports) as balancer:
        with Load(balancer.port, phones) as load:
            for _ in range(REPLACEMENTS):
                fleet.replace(balancer)
        report(load.told)
        assert load.failures == {}
        assert [failure for server in fleet.ever for failure in server.failures()] == []
    stored = Contact.objects.filter(creator__in=people).values_list("id", flat=True)
    assert len(load.written) > REPLACEMENTS
    assert sorted(map(str, stored)) == sorted(load.written)
