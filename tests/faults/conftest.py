"""A deployment whose stores may be stopped, paused, filled and killed: two servers, a MariaDB and a Redis of their own,
and a crowd of phones. What was acknowledged in any of the tests is checked after each of them.
"""

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from tests.faults.probes import Watch, watching
from tests.faults.proxy import Proxy
from tests.faults.stores import OwnMariaDB, OwnRedis
from tests.faults.writers import Writer
from tests.services.servers import UNLIMITED, AppKey, Gunicorn, deployment, make_app_key, manage

PASSWORD = "correct horse battery staple"
CROWD, FEW = 64, 24
# Shorter than the defaults, so that what hangs is given up before the fault is over.
TIMEOUTS = {"connect_timeout": 1, "read_timeout": 3, "write_timeout": 3}

_REPORT = pytest.StashKey[list[str]]()
_numbers = itertools.count(1)


@dataclass
class Site:
    """Everything there is, and the journal of everybody."""

    database: OwnMariaDB
    redis: OwnRedis
    environment: dict[str, str]
    servers: list[Gunicorn]
    app_key: AppKey
    folder: Path
    report: list[str]
    writers: list[Writer] = field(default_factory=list)

    def phone(self, base_url: str = "") -> Client:
        """A phone that was never seen."""
        return Client(base_url or self.servers[0].base_url, *self.app_key)

    def people(self, number: int, *base_urls: str) -> list[Writer]:
        """Writers who have just signed up, by turns on the servers."""
        urls = itertools.islice(itertools.cycle(base_urls or [server.base_url for server in self.servers]), number)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(self._sign_up, urls))
        self.writers += found
        return found

    def _sign_up(self, base_url: str) -> Writer:
        phone = self.phone(base_url)
        accept(phone.sign_up(f"writer-{next(_numbers)}@example.com", PASSWORD))
        return Writer(phone)

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        with watching(self.servers[0].port, self.folder / f"probes-{next(_numbers)}.log") as watch:
            yield watch

    def say(self, *facts: str) -> None:
        """For the end of the run."""
        self.report.append("; ".join(facts))

    def require_nothing_lost(self) -> str:
        """What is stored is what was acknowledged, each contact and each of its effects once. Says how much that is."""
        acknowledged = sorted(contact_id for writer in self.writers for contact_id in writer.acknowledged)
        stored = [str(row[0]) for row in self.database.execute("SELECT id FROM handset.contact ORDER BY id")]
        assert stored == [str(contact_id) for contact_id in acknowledged]
        ((moves,),) = self.database.execute("SELECT SUM(change_seq) FROM handset.organization")
        ((entries, targets),) = self.database.execute(
            "SELECT COUNT(*), COUNT(DISTINCT target_id) FROM handset.audit_entry WHERE action = 'contact.created'"
        )
        assert moves == entries == targets == len(acknowledged)
        return f"{len(acknowledged)} acknowledged, {len(stored)} stored: nothing lost, nothing doubled"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Site]:
    """Two servers of one worker with eight threads, without limits but those of the tests."""
    folder = tmp_path_factory.mktemp("faults")
    began_at = time.monotonic()
    database, redis = (kind(_made(folder / kind.__name__)) for kind in (OwnMariaDB, OwnRedis))
    environment = deployment(
        DATABASE_URL=database.url(**TIMEOUTS),
        REDIS_STATE_URL=redis.url(0),
        REDIS_CACHE_URL=redis.url(1),
        CELERY_BROKER_URL="",
        WEB_CONCURRENCY="1",
        **UNLIMITED,
    )
    servers: list[Gunicorn] = []
    try:
        manage(environment, "migrate", "--verbosity=0")
        servers += [Gunicorn(environment, folder / f"gunicorn-{number}.log") for number in range(2)]
        app_key = make_app_key(environment)
        for server in servers:
            server.wait_until_up()
        report = pytestconfig.stash.setdefault(_REPORT, [])
        found = Site(database, redis, environment, servers, app_key, folder, report)
        found.people(CROWD)
        found.say(f"set up in {time.monotonic() - began_at:.0f} s")
        yield found
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Gunicorn.stop, servers))
        database.kill()
        redis.kill()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture
def crowd(site: Site) -> list[Writer]:
    """Phones on both servers, many more than these have threads."""
    return site.writers[:CROWD]


@pytest.fixture
def few(crowd: list[Writer]) -> list[Writer]:
    """Some of them, still more than there are threads."""
    return crowd[:FEW]


@pytest.fixture(autouse=True)
def _same_workers(site: Site) -> Iterator[None]:
    """Nothing here needs a restart to recover."""
    workers = [server.workers() for server in site.servers]
    yield
    assert [server.workers() for server in site.servers] == workers


@pytest.fixture
def proxied(site: Site) -> Iterator[tuple[Proxy, Gunicorn]]:
    """A third server, which reaches the database through a proxy."""
    proxy = Proxy(site.database.port)
    environment = site.environment | {"DATABASE_URL": site.database.url(proxy.port, **TIMEOUTS)}
    server = Gunicorn(environment, site.folder / f"gunicorn-proxied-{next(_numbers)}.log")
    try:
        server.wait_until_up()
        yield proxy, server
    finally:
        server.stop()
        proxy.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_REPORT, []):
        terminalreporter.write_line(line)
