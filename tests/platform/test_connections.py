"""Which connections to the database are asked whether they still work, before a request uses them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import connection
from django.db import connections as connections_of_django

from api.platform import connections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def served() -> Callable[[Callable[[], None]], list[bool]]:
    """Serves requests in a thread of its own, whose connection is not the one of the test's transaction; tells what each
    check of that connection found.
    """
    if connection.vendor == "sqlite":
        pytest.skip("a file is not asked")
    # Django's test client takes its own receiver away and puts it behind the others; where a process serves it is the first.
    request_started.disconnect(connections._skip_check)
    connections.trust_recent()

    def serve(requests: Callable[[], None]) -> list[bool]:
        checks: list[bool] = []

        def run() -> None:
            is_usable = connection.is_usable

            def told() -> bool:
                checks.append(is_usable())
                return checks[-1]

            connection.is_usable = told  # type: ignore[method-assign]
            try:
                requests()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(run).result()
        return checks

    return serve


def request() -> int:
    """A request that asks the database for something: the number of the connection."""
    request_started.send(sender=None, environ={})
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()" if connection.vendor == "mysql" else "SELECT pg_backend_pid()")
        number: int = cursor.fetchone()[0]
    request_finished.send(sender=None)
    return number


def end(number: int) -> None:
    """Ends a connection from another one, as a restart of the server would."""
    with connection.cursor() as cursor:
        cursor.execute("KILL %s" if connection.vendor == "mysql" else "SELECT pg_terminate_backend(%s, 5000)", [number])
    connection.close()


def test_a_connection_that_has_just_answered_is_not_asked(served: Any) -> None:
    assert served(lambda: [request() for _ in range(3)]) == []


def test_an_idle_one_is_asked(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_TRUSTED_SECONDS", 0)
    assert served(lambda: [request() for _ in range(3)]) == [True, True]


def test_one_that_the_server_has_ended_is_made_anew(served: Any) -> None:
    numbers: list[int] = []

    def requests() -> None:
        numbers.append(request())
        with ThreadPoolExecutor(1) as pool:
            pool.submit(end, numbers[0]).result()
        numbers.append(request())

    assert served(requests) == [False]
    assert numbers[0] != numbers[1]


def test_one_that_was_closed_here_is_known(served: Any) -> None:
    found: list[bool] = []

    def requests() -> None:
        request()
        raw: Any = connection.connection
        raw.close()
        found.append(connections._was_closed(connections_of_django["default"]))
        connection.connection = None

    served(requests)
    assert found == [True]
