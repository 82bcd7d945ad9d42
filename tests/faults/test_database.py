"""The database hangs, dies, takes no writes, takes no connections: 503 at once or soon, liveness all the time, and
afterwards everything that was acknowledged, once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests.faults.conftest import Site
from tests.faults.stores import rest
from tests.faults.writers import Load, Writer
from tests.services.servers import Gunicorn

pytestmark = pytest.mark.faults

HUNG_SECONDS = 8
DOWN_SECONDS = 3


@contextmanager
def _fault(site: Site, crowd: list[Writer], name: str, end: Callable[[], object]) -> Iterator[Load]:
    """The crowd writes before, during and after what happens inside; `end` ends it."""
    with site.watched() as watch, Load(crowd) as load:
        load.wait_for_everybody()
        began_at = time.monotonic()
        try:
            yield load
        finally:
            end()
        ended_at = time.monotonic()
        load.wait_for_everybody()
        recovered_at = time.monotonic()
    alive = watch.require_alive(began_at, recovered_at)
    assert load.statuses[503]
    recovery = f"everybody served {recovered_at - ended_at:.1f} s after its end"
    site.say(f"database {name}: {load.told()}", recovery, alive, site.require_nothing_lost())


def _readiness(server: Gunicorn) -> int:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=5)) as asking:
        asking.request("GET", "/health/ready/")
        return asking.getresponse().status


def test_hung(site: Site, crowd: list[Writer]) -> None:
    with _fault(site, crowd, "hung", site.database.resume):
        site.database.pause()
        rest(HUNG_SECONDS)
        assert [_readiness(server) for server in site.servers] == [503, 503]
    assert [_readiness(server) for server in site.servers] == [200, 200]


def test_killed_and_started_again(site: Site, few: list[Writer]) -> None:
    with _fault(site, few, "killed", site.database.start):
        site.database.kill()
        rest(DOWN_SECONDS)


def test_read_only(site: Site, few: list[Writer]) -> None:
    """As a replica that was taken for the primary: reading goes on, also with a token that is used for the first time."""
    reader = site.people(1)[0].phone

    def end() -> None:
        site.database.execute("SET GLOBAL read_only = 0")

    with _fault(site, few, "read-only", end):
        site.database.execute("SET GLOBAL read_only = 1")
        rest(DOWN_SECONDS)
        assert [reader.request("GET", "contacts/").status for _ in range(3)] == [200] * 3


def test_no_connection_left(site: Site, few: list[Writer]) -> None:
    ((before,),) = site.database.execute("SELECT @@max_connections")
    taken = []

    def end() -> None:
        taken[0].cursor().execute(f"SET GLOBAL max_connections = {before}")
        for connection in taken:
            connection.close()

    with _fault(site, few, "out of connections", end):
        taken += site.database.take_connections(10)
        rest(DOWN_SECONDS)
