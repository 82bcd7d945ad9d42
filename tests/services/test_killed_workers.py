"""Workers, and their connections to the database, are killed in the middle of what they do: what was acknowledged is
there, and nothing is there twice.
"""

import threading
import time
from contextlib import suppress
from functools import partial

import pytest
from django.db import OperationalError, connection
from handset_client import Client, NetworkFailure, uuid7

from api.models import Contact, Organization, User
from tests.services.conftest import Deployment
from tests.services.crowds import at_once
from tests.services.servers import wait_until

pytestmark = pytest.mark.services

PHONES = 12
KILLS = 4
TRIES = 10  # of a creation, each of which is four attempts of the client
KILL_EVERY_SECONDS = 0.7


def _create_until(is_over: threading.Event, phone: Client) -> list[str]:
    """The ids of what was acknowledged: at least five, and as many as there is time for."""
    acknowledged: list[str] = []
    while not is_over.is_set() or len(acknowledged) < 5:
        body = {"id": str(uuid7()), "first_name": f"N{len(acknowledged)}"}
        for _ in range(TRIES):
            try:
                answer = phone.request("POST", "contacts/", body)
            except NetworkFailure:
                continue
            if answer.status == 503:
                continue
            assert answer.status in {200, 201}
            acknowledged.append(answer.json["id"])
            break
        else:
            raise AssertionError("never acknowledged")
    return acknowledged


def _require_exactly(person: User, ids: list[str]) -> None:
    """What was acknowledged to the person is what is stored, each once."""
    stored = [str(contact_id) for contact_id in Contact.objects.filter(creator=person).values_list("id", flat=True)]
    assert len(set(ids)) == len(ids)
    assert sorted(stored) == sorted(ids)
    # A creation that was cut off before its commit has left no number behind.
    assert Organization.objects.get(personal_of=person).change_seq == len(ids)


def test_acknowledged_creations_survive_killed_workers(deployed: Deployment) -> None:
    """Clients repeat a creation under its id until it is acknowledged; four workers die meanwhile."""
    phones = deployed.phones(PHONES)
    people = [deployed.person(phone, f"creator{index}") for index, phone in enumerate(phones)]
    workers = {pid for server in deployed.servers for pid in server.workers()}
    killing_is_over = threading.Event()

    def kill_workers() -> list[str]:
        try:
            for number in range(KILLS):
                server = deployed.servers[number % len(deployed.servers)]
                died_at = time.monotonic()
                victim = server.kill_a_worker()
                wait_until(
                    lambda: victim not in server.workers() and len(server.workers()) == 2,  # noqa: B023 -- used at once
                    "another worker has taken its place",
                )
                wait_until(lambda: time.monotonic() - died_at > KILL_EVERY_SECONDS, "the next turn")  # noqa: B023
        finally:
            killing_is_over.set()
        return []

    acknowledged = at_once([*(partial(_create_until, killing_is_over, phone) for phone in phones), kill_workers])

    for person, ids in zip(people, acknowledged, strict=False):
        _require_exactly(person, ids)
    assert sum(map(len, acknowledged)) >= 5 * PHONES
    assert not workers & {pid for server in deployed.servers for pid in server.workers()}


def test_acknowledged_creations_survive_killed_connections(deployed: Deployment) -> None:
    """The database drops every connection, several times: that is a 503, never an error of ours, and soon over."""
    deployed.forgiven.extend([" 503", "Service Unavailable", "database.unavailable"])
    phones = deployed.phones(PHONES)
    people = [deployed.person(phone, f"survivor{index}") for index, phone in enumerate(phones)]
    connection.close()  # ours would be among them
    killing_is_over = threading.Event()

    def kill_connections() -> list[str]:
        try:
            for _ in range(3 * KILLS):
                killed_at = time.monotonic()
                _kill_connections(deployed.database)
                wait_until(lambda: time.monotonic() - killed_at > KILL_EVERY_SECONDS / 3, "the next turn")  # noqa: B023
        finally:
            connection.close()
            killing_is_over.set()
        return []

    acknowledged = at_once([*(partial(_create_until, killing_is_over, phone) for phone in phones), kill_connections])

    for person, ids in zip(people, acknowledged, strict=False):
        _require_exactly(person, ids)


def _kill_connections(database: str) -> None:
    """Ends every connection to the database but this one."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [database],
            )
            return
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> connection_id()", [database]
        )
        for (number,) in cursor.fetchall():
            with suppress(OperationalError):  # it has ended by itself
                cursor.execute(f"KILL CONNECTION {number}")
