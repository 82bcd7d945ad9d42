"""A server that is asked to stop (SIGTERM) finishes what it has begun, refuses what comes, and is gone soon; and a call
that waits for a row too long is told to come back.
"""

import json
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from handset_client import Client
from handset_client.outcomes import accept

from api.models import Contact, Organization
from tests.services.conftest import PASSWORD, STORES, Deployment, wire_of
from tests.services.locks import held, waiting
from tests.services.servers import UNLIMITED, Gunicorn, Process, deployment, free_port, wait_until

pytestmark = pytest.mark.services

GRACE = {"display_name": "Grace Hopper", "notes": "while the server stops"}
SOON_SECONDS = 10


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_deployment_drains(deployed: Deployment, tmp_path: Path) -> None:
    server = Gunicorn({**deployed.environment, "WEB_CONCURRENCY": "2"}, tmp_path / "gunicorn.log")
    try:
        server.wait_until_up()
        phone = deployed.phone(server.base_url)
        phone.get_token()
        organization = Organization.objects.get(personal_of=deployed.person(phone))
        with ThreadPoolExecutor(1) as pool:
            with held(organization):
                writing = pool.submit(phone.request, "POST", "contacts/", GRACE)
                wait_until(lambda: waiting() == 1, "the write waits")
                os.kill(server.pid, signal.SIGTERM)
                wait_until(lambda: _refuses(server.port), "whoever comes is refused")
                assert not writing.done()
            assert writing.result(SOON_SECONDS).status == 201
        wait_until(lambda: not server.is_running, "the server has gone", seconds=SOON_SECONDS)
        assert Contact.objects.filter(organization=organization).count() == 1
        assert server.failures() == []
    finally:
        server.stop()


@contextmanager
def _embedded(folder: Path, port: int) -> Iterator[Process]:
    """`make run`, on a port and with data of its own."""
    given = deployment(VAR_DIR=str(folder), PORT=str(port), **UNLIMITED)
    environment = {name: value for name, value in given.items() if name not in STORES}
    process = Process(environment, folder / "embedded.log", "manage.py", "embedded")
    try:
        wait_until(lambda: "Stop with" in process.log.read_text(), "it runs", seconds=60)
        yield process
    finally:
        process.stop()


def test_the_embedded_server_drains(tmp_path: Path) -> None:
    port = free_port()
    with _embedded(tmp_path, port) as process:
        key = json.loads((tmp_path / "demo.json").read_text())["app_key"]
        phone = Client(f"http://localhost:{port}", key["id"], key["secret"])
        accept(phone.sign_up("somebody.else@example.com", PASSWORD))
        path = tmp_path / "handset.sqlite3"
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as holder, ThreadPoolExecutor(1) as pool:
            holder.execute("BEGIN IMMEDIATE")
            writing = pool.submit(phone.request, "POST", "contacts/", GRACE)
            with pytest.raises(TimeoutError):
                writing.result(1)
            os.kill(process.pid, signal.SIGTERM)
            wait_until(lambda: _refuses(port), "whoever comes is refused")
            assert not writing.done()
            holder.execute("ROLLBACK")
            assert writing.result(SOON_SECONDS).status == 201
            made = holder.execute("SELECT COUNT(*) FROM contact WHERE notes = ?", (GRACE["notes"],)).fetchone()
            assert made == (1,)
        wait_until(lambda: not process.is_running, "it has gone", seconds=SOON_SECONDS)
        assert "Traceback" not in process.log.read_text()


def test_who_waits_for_a_row_in_vain_is_told_to_come_back(deployed: Deployment, phone: Client) -> None:
    """Not an error of the server's, and nothing is changed; the phone comes again by itself."""
    deployed.forgiven.extend(
        ["POST api/v1/contacts/ 503", "database.unavailable", "Service Unavailable: /api/v1/contacts/"]
    )
    phone.get_token()
    organization = Organization.objects.get(personal_of=deployed.person(phone))
    wire = wire_of(phone)
    with ThreadPoolExecutor(1) as pool:
        with held(organization):
            writing = pool.submit(phone.request, "POST", "contacts/", GRACE)
            wait_until(lambda: 503 in wire.statuses, "it is told", seconds=25)
        assert writing.result(30).status == 201
    assert Contact.objects.filter(organization=organization).count() == 1
