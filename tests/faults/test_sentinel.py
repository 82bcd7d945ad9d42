"""The primary of the Redis that Sentinels watch dies or is replaced: content goes on, what is signed waits for the next
primary, and nobody restarts anything.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from api.platform.redis_urls import Pools
from tests.faults.conftest import Site, _made
from tests.faults.stores import OwnRedis, OwnReplica, OwnSentinel
from tests.faults.test_redis import _sent, _signed
from tests.faults.writers import Load
from tests.services.servers import Gunicorn, Process, manage, wait_until

pytestmark = pytest.mark.faults

FAILOVER_SECONDS = 60


@dataclass
class Watched:
    """A primary, its replica and three Sentinels."""

    primary: OwnRedis
    replica: OwnRedis
    sentinels: list[OwnSentinel]

    def url(self, number: int) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{OwnSentinel.NAME}/{number}"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    started: list[OwnRedis] = []
    try:
        started.append(primary := OwnRedis(_made(tmp_path / "primary")))
        started.append(replica := OwnReplica(_made(tmp_path / "replica"), primary))
        sentinels = []
        for number in range(3):
            sentinels.append(OwnSentinel(_made(tmp_path / f"sentinel-{number}"), primary))
            started.append(sentinels[-1])
        wait_until(lambda: all(one.knows(1, 2) for one in sentinels), "Sentinels know everybody", seconds=60)
        yield Watched(primary, replica, sentinels)
    finally:
        for store in started:
            store.kill()


@pytest.fixture
def served(site: Site, watched: Watched) -> Iterator[tuple[Gunicorn, dict[str, str]]]:
    """A server, and a worker with beat, that find their Redis by Sentinels."""
    environment = site.environment | {
        "REDIS_STATE_URL": watched.url(0),
        "REDIS_CACHE_URL": watched.url(1),
        "CELERY_BROKER_URL": watched.url(2),
    }
    celery = ("-m", "celery", "--app", "core.celery:app", "worker", "--concurrency", "1", "--queues", "jobs")
    beat = ("--beat", "--schedule", str(watched.primary.folder / "beat"), "--without-gossip", "--without-mingle")
    server = Gunicorn(environment, watched.primary.folder / "gunicorn.log")
    worker = Process(environment, watched.primary.folder / "worker.log", *celery, *beat)
    try:
        server.wait_until_up()
        yield server, environment
        assert worker.is_running
    finally:
        server.stop()
        worker.stop()


def _work(phone: Client) -> None:
    """A job that a worker hears of by the broker is done."""
    job = accept(phone.request("POST", "tasks/", {"type": "add", "x": 5, "y": 3})).json["id"]
    wait_until(
        lambda: accept(phone.request("GET", f"tasks/{job}/")).json["state"] == "SUCCESS", "a job is done", seconds=60
    )


def test_a_primary_that_dies_is_replaced(site: Site, watched: Watched, served: tuple[Gunicorn, dict[str, str]]) -> None:
    server, environment = served
    writers = site.people(4, server.base_url)
    phone = site.phone(server.base_url)
    phone.get_token()
    _work(writers[0].phone)
    used = _signed(phone)
    assert _sent(used).status == 200
    workers, seen = server.workers(), server.log.stat().st_size
    with Load(writers) as load:
        load.wait_for_everybody()
        watched.primary.kill()
        killed_at = time.monotonic()
        answer = _sent(_signed(phone))
        assert (answer.status, answer.code) == (503, "replay_store_unavailable")
        load.wait_for_everybody()
        assert b"limits.open" in server.log.read_bytes()[seen:]
        wait_until(lambda: _sent(_signed(phone)).status == 200, "what is signed is served", seconds=FAILOVER_SECONDS)
        seconds = time.monotonic() - killed_at
        load.wait_for_everybody()
    assert watched.sentinels[0].primary() == watched.replica.port
    # The next primary may lack the last writes of the one before: what was signed then is not believed.
    assert _sent(used).code == "replay_cache_reset"
    _work(writers[0].phone)
    assert server.workers() == workers
    assert {f"✔ {name}" for name in ("state store", "cache", "broker")} <= set(
        manage(environment, "doctor").splitlines()
    )
    site.say(f"primary killed: signed again after {seconds:.1f} s; {load.told()}", site.require_nothing_lost())


def test_a_primary_that_steps_down_is_left(
    site: Site, watched: Watched, served: tuple[Gunicorn, dict[str, str]]
) -> None:
    """An operator replaces it; it lives on as a replica, and who still writes to it would be refused."""
    server, _ = served
    writers = site.people(4, server.base_url)
    with Load(writers) as load:
        load.wait_for_everybody()
        watched.sentinels[0].client().execute_command("SENTINEL FAILOVER", OwnSentinel.NAME)
        wait_until(
            lambda: all(one.primary() == watched.replica.port for one in watched.sentinels),
            "Sentinels agree",
            seconds=FAILOVER_SECONDS,
        )
        wait_until(
            lambda: watched.primary.client().info("replication")["role"] == "slave", "it follows the other", seconds=30
        )
        load.wait_for_everybody()
    phone = site.phone(server.base_url)
    wait_until(lambda: _sent(_signed(phone)).status == 200, "what is signed is served")
    _work(writers[0].phone)
    site.say(f"primary replaced: {load.told()}", site.require_nothing_lost())


def test_no_sentinel_is_forgotten_when_threads_ask_at_once(watched: Watched) -> None:
    watched.sentinels[0].kill()
    pool = Pools.from_url(watched.url(0), socket_timeout=2, socket_connect_timeout=2)
    known = {client.connection_pool.connection_kwargs["port"] for client in pool.sentinel_manager.sentinels}
    assert len(known) == 3
    for _ in range(20):
        with ThreadPoolExecutor(16) as threads:
            found = list(threads.map(lambda _: pool.get_master_address(), range(64)))
        assert {port for _, port in found} == {watched.primary.port}
        left = [client.connection_pool.connection_kwargs["port"] for client in pool.sentinel_manager.sentinels]
        assert sorted(left) == sorted(known)
