"""The decision over limits: exact, all or none, and as long a wait as it says. By the table, and by Redis where it is."""

import threading
import uuid
from typing import Any

import pytest
import time_machine
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.models import RateLimit
from api.platform import gate, state
from api.platform.limits import Decision, Limit, spend_in_database

pytestmark = pytest.mark.django_db


def new_limit(limit: int, seconds: int) -> Limit:
    return Limit("scope", f"limit:scope:{uuid.uuid4()}", limit, seconds)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(1_795_253_400.25, tick=False) as traveller:
        yield traveller


def is_allowed(*limits: Limit) -> bool:
    return spend_in_database(limits).denied is None


# -- by the table, whose clock can be held


def test_all_of_a_limit_may_come_at_once_and_then_evenly(clock: Any) -> None:
    limit = new_limit(6, 60)
    assert [is_allowed(limit) for _ in range(8)] == [True] * 6 + [False] * 2
    for _ in range(3):
        clock.shift(9.9)
        assert not is_allowed(limit)
        clock.shift(0.1)
        assert is_allowed(limit)
        assert not is_allowed(limit)
    clock.shift(60)
    assert [is_allowed(limit) for _ in range(8)] == [True] * 6 + [False] * 2


def test_what_is_told_is_what_is_left(clock: Any) -> None:
    limit = new_limit(3, 60)
    told = [spend_in_database([limit]) for _ in range(4)]
    assert [decision.states[0].remaining for decision in told] == [2, 1, 0, 0]
    assert [decision.states[0].reset_seconds for decision in told] == [20, 40, 60, 60]
    assert [decision.retry_after_seconds for decision in told] == [0, 0, 0, 20]
    assert [decision.denied for decision in told] == [None, None, None, limit]
    clock.shift(7.5)
    assert spend_in_database([limit]).retry_after_seconds == 13  # rounded up: earlier would be too early


def test_of_several_limits_all_are_spent_or_none(clock: Any) -> None:
    wide, narrow = new_limit(10, 60), new_limit(1, 60)
    assert is_allowed(wide, narrow)
    for _ in range(5):
        decision = spend_in_database([wide, narrow])
        assert decision.denied == narrow
        assert decision.states[0].remaining == 9
    assert [is_allowed(wide) for _ in range(10)] == [True] * 9 + [False]


def test_the_longest_wait_is_told(clock: Any) -> None:
    short, long = new_limit(1, 10), new_limit(1, 3600)
    assert is_allowed(short, long)
    for limits in ([short, long], [long, short]):
        decision = spend_in_database(limits)
        assert (decision.denied, decision.retry_after_seconds) == (long, 3600)


def test_a_clock_that_steps_back_gives_the_limit_once_more_and_locks_nobody_out(clock: Any) -> None:
    limit = new_limit(2, 60)
    assert [is_allowed(limit) for _ in range(3)] == [True, True, False]
    for step in (-30, -86_400):
        clock.shift(step)
        assert [is_allowed(limit) for _ in range(3)] == [True, True, False]
    clock.shift(30)
    assert [is_allowed(limit) for _ in range(2)] == [True, False]


def test_keys_do_not_meet(clock: Any) -> None:
    one, other = new_limit(1, 60), new_limit(1, 60)
    assert is_allowed(one)
    assert is_allowed(other)
    assert not is_allowed(one)
    assert RateLimit.objects.filter(key__in=[one.key, other.key]).count() == 2


def test_nothing_counted_is_nothing_asked(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert spend_in_database([]) == Decision((), None, 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.tuples(st.integers(1, 50), st.sampled_from([1, 60, 3600])),
    pauses=st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=30),
)
def test_never_more_than_the_rate_in_any_window(rate: tuple[int, int], pauses: list[float], db: None) -> None:
    """GCRA lets at most twice the limit through in any period (a burst after an even flow), and a wait that is told is
    enough.
    """
    limit = new_limit(*rate)
    passed: list[float] = []
    now = 1_795_253_400.0
    for pause in pauses:
        now += pause
        with time_machine.travel(now, tick=False):
            decision = spend_in_database([limit])
        if decision.denied is None:
            passed.append(now)
        else:
            assert decision.retry_after_seconds > 0
            now += decision.retry_after_seconds
            with time_machine.travel(now, tick=False):
                assert is_allowed(limit)
            passed.append(now)
    for start in passed:
        window = [moment for moment in passed if start <= moment < start + limit.period_seconds]
        assert len(window) <= 2 * limit.limit


@pytest.mark.django_db(transaction=True)
def test_of_sixty_at_once_the_table_lets_ten_pass() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    limit = new_limit(10, 3600)
    is_allowed(new_limit(1, 1))
    assert sum(at_once(lambda: is_allowed(limit), 12, 5)) == 10


def at_once(call: Any, threads: int, times: int) -> list[bool]:
    ready = threading.Barrier(threads)
    answers: list[bool] = []

    def work() -> None:
        try:
            ready.wait()
            answers.extend(call() for _ in range(times))
        finally:
            connection.close()

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(answers) == threads * times
    return answers


# -- by Redis, where there is one


@pytest.fixture
def _redis() -> None:
    if not state.is_configured():
        pytest.skip("REDIS_STATE_URL is not set")


@pytest.mark.usefixtures("_redis")
def test_redis_decides_alike() -> None:
    limit = new_limit(3, 3600)
    told = [gate.admit([limit]).decision for _ in range(4)]
    assert [decision.states[0].remaining for decision in told] == [2, 1, 0, 0]
    assert [decision.denied for decision in told] == [None, None, None, limit]
    assert [decision.states[0].reset_seconds for decision in told] == [1200, 2400, 3600, 3600]


@pytest.mark.usefixtures("_redis")
def test_the_wait_that_redis_tells_is_the_real_one() -> None:
    for rate in ((1, 1), (3, 60), (7, 60), (60, 60), (1000, 3600)):
        limit = new_limit(*rate)
        while (decision := gate.admit([limit]).decision).denied is None:
            pass
        with state.guarded() as redis:
            arrival = int(redis.get(limit.key))
            seconds, microseconds = redis.time()
        wait_us = arrival + limit.emission_us - limit.burst_us - (seconds * 1_000_000 + microseconds)
        assert decision.retry_after_seconds - 1 <= wait_us / 1_000_000 <= decision.retry_after_seconds
        assert 0 < decision.retry_after_seconds <= max(1, -(-rate[1] // rate[0]))


@pytest.mark.usefixtures("_redis")
def test_redis_spends_all_or_none() -> None:
    wide, narrow = new_limit(10, 3600), new_limit(1, 3600)
    assert gate.admit([wide, narrow]).decision.denied is None
    for _ in range(5):
        decision = gate.admit([wide, narrow]).decision
        assert (decision.denied, decision.states[0].remaining) == (narrow, 9)


@pytest.mark.usefixtures("_redis")
def test_of_sixty_at_once_redis_lets_ten_pass() -> None:
    limit = new_limit(10, 3600)
    assert sum(at_once(lambda: gate.admit([limit]).decision.denied is None, 12, 5)) == 10


@pytest.mark.usefixtures("_redis")
def test_redis_forgets_a_limit_that_is_whole_again() -> None:
    limit = new_limit(10, 60)
    gate.admit([limit])
    with state.guarded() as redis:
        assert 0 < redis.pttl(limit.key) <= 6001
