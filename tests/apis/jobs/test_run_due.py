"""Carrying out the outbox: once if all goes well, again with back-off if not, visibly failed in the end."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction

from api.apis.jobs import services
from api.models import Counter, OutboxMessage
from api.platform import jobs, leases, log_context, outbox
from tests.conftest import LogLines, Person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
Register = Callable[[Callable[..., None]], Callable[..., None]]


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Registers the function as the task `jobs.tried` for the time of a test."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        monkeypatch.setitem(outbox._tasks, "jobs.tried", function)
        return function

    return register


def message() -> OutboxMessage:
    return OutboxMessage.objects.get(task="jobs.tried")


# -- when all goes well


def test_a_task_runs_once_with_its_arguments(clock: Any, task: Register) -> None:
    seen: list[dict[str, Any]] = []
    task(lambda **arguments: seen.append(arguments))
    outbox.enqueue("jobs.tried", {"name": "Zoë 🍣", "ids": [1, 2], "nothing": None})
    assert (services.run_due(), services.run_due()) == (1, 0)
    assert seen == [{"name": "Zoë 🍣", "ids": [1, 2], "nothing": None}]
    done = message()
    assert (done.done_at, done.due_at, done.lease, done.attempts, done.last_error) == (NOON, None, None, 1, "")


def test_what_is_rolled_back_is_never_carried_out(task: Register) -> None:
    task(lambda: pytest.fail("its cause did not happen"))

    def regret() -> None:
        with transaction.atomic():
            outbox.enqueue("jobs.tried")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        regret()
    assert services.run_due() == 0


def test_the_oldest_come_first_and_no_more_than_a_batch(clock: Any, task: Register) -> None:
    seen: list[int] = []
    task(lambda **arguments: seen.append(arguments["number"]))
    for number in range(25):
        outbox.enqueue("jobs.tried", {"number": number})
        clock.shift(1)
    assert services.run_due() == 20
    assert seen == list(range(20))
    assert services.run_due() == 5
    assert seen == list(range(25))


def test_a_job_waits_for_everything_else(clock: Any, task: Register, alice: Person) -> None:
    seen: list[int] = []
    task(lambda **arguments: seen.append(arguments["number"]))
    for number in (1, 2):
        jobs.begin(alice.user.id, "jobs.tried", {"number": number}, type_="tried")
    clock.shift(1)
    outbox.enqueue("jobs.tried", {"number": 3})
    while services.run_due_messages():
        pass
    assert seen == [3]
    outbox.enqueue("jobs.tried", {"number": 4})
    taken = [services.run_due() for _ in range(4)]
    assert (taken, sorted(seen[2:])) == ([1, 1, 1, 0], [1, 2])


def test_a_message_with_the_key_of_another_is_none(task: Register) -> None:
    seen: list[str] = []
    task(lambda **arguments: seen.append(arguments["name"]))
    outbox.enqueue("jobs.tried", {"name": "first"}, dedup_key="mail:1")
    outbox.enqueue("jobs.tried", {"name": "second"}, dedup_key="mail:1")
    outbox.enqueue("jobs.tried", {"name": "third"}, dedup_key="mail:2")
    services.run_due()
    outbox.enqueue("jobs.tried", {"name": "fourth"}, dedup_key="mail:1")
    services.run_due()
    assert sorted(seen) == ["first", "third"]


def test_what_a_task_logs_says_which_request_caused_it(task: Register) -> None:
    seen: list[dict[str, Any]] = []
    task(lambda: seen.append(dict(log_context.members())))
    with log_context.bound(request_id="the-cause"):
        outbox.enqueue("jobs.tried")
    services.run_due()
    assert (seen[0]["request_id"], seen[0]["task"]) == ("the-cause", "jobs.tried")
    assert seen[0]["message_id"] == str(message().id)
    assert "message_id" not in log_context.members()


# -- when it does not


def failing(error: Exception | None = None) -> Callable[[], None]:
    def fail() -> None:
        raise error or ConnectionError("the mail server is away")

    return fail


def test_a_failure_is_tried_again_later_and_later(clock: Any, task: Register) -> None:
    task(failing())
    outbox.enqueue("jobs.tried")
    for attempt in range(1, outbox.ATTEMPTS):
        assert services.run_due() == 1
        failed = message()
        assert (failed.attempts, failed.done_at, failed.failed_at, failed.lease) == (attempt, None, None, None)
        assert failed.last_error == "ConnectionError: the mail server is away"
        assert failed.due_at is not None
        wait = (failed.due_at - datetime.now(UTC)).total_seconds()
        longest = min(3600, 5 * 2 ** (attempt - 1))
        assert longest / 2 <= wait <= longest
        clock.shift(wait - 0.5)
        assert services.run_due() == 0
        clock.shift(0.5)


def test_in_the_end_it_stays_failed_for_everybody_to_see(clock: Any, task: Register, log_lines: LogLines) -> None:
    task(failing())
    outbox.enqueue("jobs.tried")
    for _ in range(outbox.ATTEMPTS):
        assert services.run_due() == 1
        clock.shift(timedelta(hours=1))
    failed = message()
    assert (failed.attempts, failed.due_at, failed.done_at, failed.lease) == (outbox.ATTEMPTS, None, None, None)
    assert failed.failed_at is not None
    assert failed.last_error == "ConnectionError: the mail server is away"
    lines = [line for line in log_lines if line["event"] == "task.failed"]
    assert [line["final"] for line in lines] == [False] * (outbox.ATTEMPTS - 1) + [True]
    clock.shift(timedelta(days=89))
    assert services.run_due() == 0
    services.forget_expired()
    assert message().failed_at == failed.failed_at


def test_a_success_after_a_failure_is_a_success(clock: Any, task: Register) -> None:
    task(failing())
    outbox.enqueue("jobs.tried")
    services.run_due()
    task(lambda: None)
    clock.shift(10)
    assert services.run_due() == 1
    done = message()
    assert (done.attempts, done.last_error, done.failed_at, done.due_at) == (2, "", None, None)
    assert done.done_at is not None


def test_one_failure_does_not_keep_the_others(clock: Any, task: Register) -> None:
    seen: list[int] = []

    @task
    def some(number: int) -> None:
        if number == 1:
            raise ValueError("one of them")
        seen.append(number)

    for number in range(3):
        outbox.enqueue("jobs.tried", {"number": number})
        clock.shift(1)
    assert services.run_due() == 3
    assert seen == [0, 2]


def test_a_failed_query_does_not_keep_the_failure_from_being_recorded(task: Register) -> None:
    @task
    def collide() -> None:
        expires = datetime(2030, 1, 1, tzinfo=UTC)
        with transaction.atomic():
            for _ in range(2):
                Counter.objects.create(key="twice", value=1, expires_at=expires)

    outbox.enqueue("jobs.tried")
    services.run_due()
    assert message().last_error.startswith(IntegrityError.__name__)
    assert not Counter.objects.exists()


@pytest.mark.parametrize("name", ["jobs.unknown", "", "os.system"])
def test_a_task_that_nobody_knows_is_a_failure_like_any_other(name: str) -> None:
    outbox.enqueue(name)
    assert services.run_due() == 1
    assert OutboxMessage.objects.get(task=name).last_error.startswith("KeyError")


def test_arguments_that_do_not_fit_are_a_failure_like_any_other(task: Register) -> None:
    task(lambda: None)
    outbox.enqueue("jobs.tried", {"unexpected": 1})
    services.run_due()
    assert message().last_error.startswith("TypeError")


def test_a_long_error_is_cut(task: Register) -> None:
    task(failing(ValueError("🍣" * 10_000)))
    outbox.enqueue("jobs.tried")
    services.run_due()
    assert len(message().last_error) == 500


# -- when a worker dies


def test_a_dead_workers_message_is_due_again(clock: Any, task: Register) -> None:
    outbox.enqueue("jobs.tried")
    assert len(outbox.claim(most=10)) == 1  # and then the lights went out
    assert outbox.claim(most=10) == []
    clock.shift(leases.MESSAGE_SECONDS - 1)
    assert outbox.claim(most=10) == []
    clock.shift(1)
    (again,) = outbox.claim(most=10)
    assert again.attempts == 2


def test_a_worker_that_was_given_up_marks_nothing(clock: Any, task: Register) -> None:
    task(lambda: None)
    outbox.enqueue("jobs.tried")
    (slow,) = outbox.claim(most=10)
    clock.shift(leases.MESSAGE_SECONDS)
    (quick,) = outbox.claim(most=10)
    assert outbox.execute(slow)
    assert message().done_at is None
    task(failing())
    assert not outbox.execute(slow)
    assert message().last_error == ""
    task(lambda: None)
    assert outbox.execute(quick)
    assert message().done_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_work(task: Register) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    seen: list[int] = []
    task(lambda **arguments: seen.append(arguments["number"]))
    for number in range(60):
        outbox.enqueue("jobs.tried", {"number": number})
    ready = threading.Barrier(4)

    def work() -> None:
        try:
            ready.wait()
            while services.run_due():
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(60))
