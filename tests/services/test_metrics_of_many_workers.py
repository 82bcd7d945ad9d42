"""`/metrics` of a server with several workers: one answer for all of them, right while workers are killed, and not larger for
it; and of a Celery worker whose processes are killed.
"""

import os
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.conftest import Deployment
from tests.services.servers import Gunicorn, Process, free_port, manage, wait_until

pytestmark = pytest.mark.services

TOKEN = "an operator's token"
LIVES = 5
THREADS = 8
REQUESTS = 'handset_http_requests_total{method="GET",route="api/v1/auth/check/",status="401"}'
# Begins with every scrape anew, or is of the moment.
OF_THE_MOMENT = re.compile(r"handset_(database_connections|outbox_)")


def scraped(address: str, token: str = "") -> tuple[bytes, dict[str, float]]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    lines = [line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#")]
    return text, {name: float(value) for name, value in lines}


class Site:
    """A gunicorn with three workers, and its metrics."""

    def __init__(self, server: Gunicorn) -> None:
        self.server = server

    def scrape(self) -> dict[str, float]:
        return scraped(f"{self.server.base_url}/metrics", TOKEN)[1]

    def text(self) -> bytes:
        return scraped(f"{self.server.base_url}/metrics", TOKEN)[0]

    def ask(self, times: int, path: str = "/api/v1/auth/check/") -> None:
        """Calls that are refused, each on a connection of its own, so that every worker gets some."""
        for _ in range(times):
            done = subprocess.run(
                ["curl", "--silent", "--output", "/dev/null", f"{self.server.base_url}{path}"], check=False
            )
            assert done.returncode == 0

    def kill_a_worker(self) -> None:
        victim = self.server.kill_a_worker()
        wait_until(
            lambda: victim not in (now := self.server.workers()) and len(now) == 3,
            "another takes its place",
            seconds=60,
        )
        self.server.wait_until_up()


@pytest.fixture
def site(deployed: Deployment, tmp_path: Path) -> Iterator[Site]:
    variables = {"WEB_CONCURRENCY": "3", "WEB_THREADS": str(THREADS), "METRICS_TOKEN": TOKEN}
    server = Gunicorn(deployed.environment | variables, tmp_path / "gunicorn.log")
    try:
        server.wait_until_up()
        wait_until(lambda: len(server.workers()) == 3, "three workers", seconds=60)
        yield Site(server)
    finally:
        server.stop()


def test_nothing_that_was_counted_is_lost_or_counted_twice_when_workers_are_killed(site: Site) -> None:
    site.ask(30)
    assert site.scrape()[REQUESTS] == 30
    before = site.scrape()
    for life in range(1, LIVES + 1):
        site.kill_a_worker()
        after = site.scrape()
        fallen = {name for name in before if not OF_THE_MOMENT.match(name) and after.get(name, 0) < before[name]}
        assert fallen == set()
        assert after[REQUESTS] == 30 * life
        site.ask(30)
        before = site.scrape()
        assert before[REQUESTS] == 30 * (life + 1)


def test_the_dead_have_no_connections_and_no_series_of_their_own(site: Site) -> None:
    def lives() -> dict[str, float]:
        for _ in range(LIVES):
            site.kill_a_worker()
            site.ask(10)
            site.ask(10, "/health/ready/")  # which asks the database
        return site.scrape()

    first, last = lives(), lives()
    assert last.keys() == first.keys(), last.keys() ^ first.keys()
    # At most one for each thread that has asked the database since; without forgetting the dead they would add up.
    assert 0 < last["handset_database_connections"] <= 3 * THREADS


def test_prometheus_takes_what_all_of_them_say(site: Site) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    site.ask(10)
    site.kill_a_worker()
    checked = subprocess.run(["promtool", "check", "metrics"], input=site.text(), capture_output=True, check=False)
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, b"", b"")


def test_a_celery_worker_goes_on_counting_when_its_processes_are_killed(deployed: Deployment, tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "worker.log"
    command = ("-m", "celery", "--app", "core.celery:app", "worker", "--concurrency", "2", "--queues", f"own{port}")
    worker = Process(deployed.environment | {"METRICS_PORT": str(port), "DJANGO_ENV": "embedded"}, log, *command)
    sends = "from core.celery import app; [app.send_task('outbox.schedule', queue={!r}) for _ in range(4)]"
    sample = 'handset_database_query_duration_seconds_count{database="default"}'

    def counted() -> float:
        return scraped(f"http://127.0.0.1:{port}/metrics")[1].get(sample, 0)

    def children() -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()]

    def work() -> None:
        before = counted()
        manage(deployed.environment, "shell", "--command", sends.format(f"own{port}"))
        wait_until(lambda: counted() > before, "it has worked", seconds=60)

    try:
        wait_until(lambda: "ready." in log.read_text(), "the worker is up", seconds=120)
        work()
        before = counted()
        for victim in children():
            os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(children()) == 2, "others take their places", seconds=60)
        assert counted() >= before
        work()
    finally:
        worker.stop()
