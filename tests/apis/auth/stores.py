"""A Redis of one's own, for what happens to a state store: lost, full, gone."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from api.platform import state

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="session")
def _redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a socket in a folder of its own, without persistence."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs a redis-server on the PATH")
    socket: Path = tmp_path_factory.mktemp("redis") / "socket"
    arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--maxmemory-policy", "noeviction"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, cwd=socket.parent)
    try:
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert process.poll() is None, "redis-server did not start"
            assert time.monotonic() < deadline, "redis-server did not come up"
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def own_redis(_redis_url: str, settings: Settings) -> Iterator["redis.Redis"]:
    """The state store of this test, empty and in service for long."""
    settings.REDIS_STATE_URL = _redis_url
    client = state.client()
    client.config_set("maxmemory", 0)
    client.flushdb()
    begin_epoch(client, 1)
    yield client
    client.close()


def begin_epoch(client: "redis.Redis", seconds: int, *, run_id: str = "") -> None:
    """Lets the store's memory begin at `seconds`, in the server's present run unless another is named."""
    client.set(state.EPOCH_KEY, f"{seconds} {run_id or client.info('server')['run_id']}")


@pytest.fixture
def no_redis(settings: Settings) -> None:
    """The state store is configured, and nobody answers."""
    settings.REDIS_STATE_URL = NOBODY_LISTENS


@pytest.fixture
def in_database(settings: Settings) -> None:
    """The embedded default, whatever the suite runs on."""
    settings.REDIS_STATE_URL = ""
