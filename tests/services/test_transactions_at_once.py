"""Transactions that the database gives up run again from their beginning, and leave the effects of one."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from api.models import Counter
from api.platform.transactions import is_lock_timeout, is_read_only, is_unavailable, transactional
from tests.services.conftest import Deployment
from tests.services.crowds import at_once

pytestmark = pytest.mark.services

FAR = "2099-01-01T00:00:00Z"


@pytest.fixture
def rows(deployed: Deployment) -> list[str]:
    """Two rows that count, both at nought."""
    keys = [f"services:{uuid.uuid4()}" for _ in range(2)]
    Counter.objects.bulk_create([Counter(key=key, value=0, expires_at=FAR) for key in keys])
    return keys


def _add(key: str) -> None:
    row = Counter.objects.select_for_update().get(key=key)
    Counter.objects.filter(key=key).update(value=row.value + 1)


def _values(keys: list[str]) -> list[int]:
    found = dict(Counter.objects.filter(key__in=keys).values_list("key", "value"))
    return [found[key] for key in keys]


def _closing(action: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            action()
        finally:
            connection.close()

    return run


def test_victim_of_a_deadlock_runs_again(rows: list[str]) -> None:
    """Two that take the same rows in opposite order wait for one another: one is rolled back whole, and repeated."""
    meeting = threading.Barrier(2, timeout=10)
    runs = [0, 0]

    def taking(index: int) -> Callable[[], None]:
        first, second = rows if index == 0 else reversed(rows)

        @transactional
        def service() -> None:
            runs[index] += 1
            _add(first)
            if runs[index] == 1:
                meeting.wait()
            _add(second)

        return _closing(service)

    at_once([taking(0), taking(1)])
    assert sorted(runs) == [1, 2]
    assert _values(rows) == [2, 2]


@contextmanager
def _short_patience() -> Iterator[None]:
    """Statements of this connection wait a second for a row."""
    is_mysql = connection.vendor == "mysql"
    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1" if is_mysql else "SET lock_timeout = 1000")
    try:
        yield
    finally:
        connection.close()


def test_who_waited_in_vain_begins_anew(rows: list[str]) -> None:
    """MySQL undoes the statement that waited, and leaves what came before it: committing that would be half the work."""
    free, held = rows
    is_held, is_over = threading.Event(), threading.Event()
    runs = 0

    def hold() -> None:
        with transaction.atomic():
            _add(held)
            is_held.set()
            assert is_over.wait(10)

    @transactional
    def service() -> None:
        nonlocal runs
        runs += 1
        _add(free)
        if runs == 2:
            is_over.set()
        _add(held)

    def serve() -> None:
        assert is_held.wait(10)
        with _short_patience():
            service()

    at_once([_closing(hold), _closing(serve)])
    assert runs >= 2
    assert _values(rows) == [1, 2]


def test_who_waits_in_vain_again_and_again_has_changed_nothing(rows: list[str]) -> None:
    free, held = rows
    is_over = threading.Event()
    is_held = threading.Event()
    raised: list[OperationalError] = []

    def hold() -> None:
        with transaction.atomic():
            _add(held)
            is_held.set()
            assert is_over.wait(30)

    @transactional
    def service() -> None:
        _add(free)
        _add(held)

    def serve() -> None:
        assert is_held.wait(10)
        try:
            with _short_patience():
                service()
        except OperationalError as error:
            raised.append(error)
        finally:
            is_over.set()

    at_once([_closing(hold), _closing(serve)])
    assert is_lock_timeout(raised[0])
    assert _values(rows) == [0, 1]


def test_server_that_takes_no_writes_is_known_by_its_refusal(rows: list[str]) -> None:
    """Of another class on each database; to a client it is the same 503 as a server that is gone."""
    is_mysql = connection.vendor == "mysql"
    read_only = "SET SESSION TRANSACTION READ ONLY" if is_mysql else "SET default_transaction_read_only = on"
    with connection.cursor() as cursor:
        cursor.execute(read_only)
    try:
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            Counter.objects.filter(key__in=rows).update(value=1)
    finally:
        connection.close()
    assert is_read_only(caught.value)
    assert is_unavailable(caught.value)
    assert _values(rows) == [0, 0]
