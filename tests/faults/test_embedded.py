"""The embedded default, whose database is a file: somebody holds it, a crowd waits, and the process lives."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from tests.faults.conftest import FEW, PASSWORD, Site
from tests.faults.probes import watching
from tests.faults.stores import rest
from tests.faults.writers import Load, Writer
from tests.services.servers import UNLIMITED, Gunicorn, deployment, make_app_key, manage

pytestmark = pytest.mark.faults

HELD_SECONDS = 3
_STORES = {"DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL"}


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[tuple[Gunicorn, list[Writer]]]:
    """As wide as it is by default, and people who have signed up there."""
    given = deployment(VAR_DIR=str(tmp_path), **UNLIMITED)
    environment = {name: value for name, value in given.items() if name not in {*_STORES, "WEB_THREADS"}}
    manage(environment, "migrate", "--verbosity=0")
    app_key = make_app_key(environment)
    server = Gunicorn(environment, tmp_path / "gunicorn.log")

    def sign_up(number: int) -> Writer:
        phone = Client(server.base_url, *app_key)
        accept(phone.sign_up(f"writer-{number}@example.com", PASSWORD))
        return Writer(phone)

    try:
        server.wait_until_up()
        with ThreadPoolExecutor(4) as pool:
            yield server, list(pool.map(sign_up, range(FEW)))
    finally:
        server.stop()


def _connection(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "handset.sqlite3", timeout=30, isolation_level=None)


def test_held_by_another_process(site: Site, embedded: tuple[Gunicorn, list[Writer]], tmp_path: Path) -> None:
    server, writers = embedded
    with (
        watching(server.port, tmp_path / "probes.log") as watch,
        closing(_connection(tmp_path)) as holder,
        Load(writers) as load,
    ):
        began_at = time.monotonic()
        holder.execute("BEGIN IMMEDIATE")
        rest(HELD_SECONDS)
        holder.execute("ROLLBACK")
        ended_at = time.monotonic()
        load.wait_for_everybody()
    alive = watch.require_alive(began_at, ended_at)
    acknowledged = sorted(contact_id.hex for writer in writers for contact_id in writer.acknowledged)
    with closing(_connection(tmp_path)) as reader:
        assert [row[0] for row in reader.execute("SELECT id FROM contact ORDER BY id")] == acknowledged
    site.say(f"SQLite held for {HELD_SECONDS} s: {load.told()}", alive, f"{len(acknowledged)} acknowledged and stored")
