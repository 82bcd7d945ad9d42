"""The gate's own connection to Redis: kept by its thread, and made anew where the server has closed it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from api.platform import state

_COUNT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


@pytest.fixture
def server() -> Iterator["redis.Redis"]:
    if not settings.REDIS_STATE_URL:
        pytest.skip("REDIS_STATE_URL is not set")
    with state.guarded() as client:
        yield client


def own_id() -> int:
    """The server's number of the connection that this thread has kept."""
    state.call("return 1", [], [])
    connection = state._line.connection
    connection.send_command("CLIENT", "ID")
    return int(connection.read_response())


def test_a_thread_keeps_its_connection(server: Any) -> None:
    assert own_id() == own_id()


def test_threads_do_not_share_one(server: Any) -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(own_id()))
    thread.start()
    thread.join()
    assert found != [own_id()]


def test_a_closed_connection_is_made_anew(server: Any) -> None:
    before = own_id()
    server.client_kill_filter(_id=before)
    assert state.call(_COUNT, ["state-test"], [5]) == 5
    assert own_id() != before


def test_a_forgotten_script_is_sent_again(server: Any) -> None:
    assert state.call(_COUNT, ["state-test"], [1]) == 1
    server.script_flush()
    assert state.call(_COUNT, ["state-test"], [1]) == 2


def test_a_refusal_of_the_server_does_not_spoil_the_next_answer(server: Any) -> None:
    server.set("state-test", "no number")
    before = own_id()
    with pytest.raises(redis.ResponseError):
        state.call(_COUNT, ["state-test"], [1])
    assert own_id() == before


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(server: Any) -> None:
    before = own_id()
    server.client_pause(int(settings.REDIS_TIMEOUT_SECONDS * 1000) + 200, all=True)
    with pytest.raises(redis.TimeoutError):
        state.call("return 'too late'", [], [])
    threading.Event().wait(0.5)
    assert own_id() != before
