"""A deployment of real processes: two gunicorn masters over one database, one Redis, one broker, and phones that call
them over sockets.

Everything a test makes (devices, people, messages) is its own, so that nothing has to be cleared between tests.
"""

import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from handset_client import Client
from handset_client.outcomes import accept

from api.models import User
from api.platform import state
from tests.services.crowds import Wire, copies
from tests.services.hands import Hand
from tests.services.servers import UNLIMITED, AppKey, Gunicorn, database_named, deployment, make_app_key, manage

STORES = ("DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL")
PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Deployment:
    """A database with everything that serves it."""

    environment: dict[str, str]
    folder: Path
    servers: list[Gunicorn]
    app_key: AppKey
    database: str
    wires: list[Wire] = field(default_factory=list)
    # Texts of failures that the test at hand brings about on purpose.
    forgiven: list[str] = field(default_factory=list)

    @property
    def base_urls(self) -> list[str]:
        return [server.base_url for server in self.servers]

    def phone(self, base_url: str = "", **kwargs: Any) -> Client:
        """A phone that was never seen, unless its storage says otherwise. Its transport is a `Wire`."""
        wire = Wire()
        self.wires.append(wire)
        return Client(base_url or self.base_urls[0], *self.app_key, transport=wire, **kwargs)

    def copies(self, phone: Client, number: int) -> list[Client]:
        """`number` times the same installation, spread over the servers."""
        return copies(phone, self.base_urls, number, self.phone)

    def phones(self, number: int) -> list[Client]:
        """Different installations, spread over the servers, each with its first token."""
        found = [self.phone(self.base_urls[index % len(self.base_urls)]) for index in range(number)]
        for phone in found:
            phone.get_token()
        return found

    def person(self, phone: Client, name: str = "somebody") -> User:
        """Somebody who has just signed up on `phone`."""
        answer = accept(phone.sign_up(f"{name}-{next(_numbers)}@example.com", PASSWORD))
        return User.objects.get(id=answer.json["user"]["id"])

    def hand(self) -> Hand:
        return Hand(self.environment, self.folder / "hands.log")


def wire_of(phone: Client) -> Wire:
    wire = phone._delivery._transport
    assert isinstance(wire, Wire)
    return wire


@pytest.fixture(scope="session")
def _stores() -> None:
    """The suite is for servers that a deployment has; without them it fails, lest anybody take silence for success."""
    if connection.vendor not in {"mysql", "postgresql"}:
        pytest.fail("These tests need DATABASE_URL with MariaDB, MySQL or PostgreSQL.", pytrace=False)
    for name in STORES[1:]:
        if not getattr(settings, name):
            pytest.fail(f"These tests need {name}.", pytrace=False)


@pytest.fixture(scope="session")
def deployed(_stores: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two masters with two workers of eight threads each, without limits."""
    folder = tmp_path_factory.mktemp("deployment")
    name = f"handset_services_{os.getpid()}"
    with django_db_blocker.unblock(), database_named(name) as url:
        connection.close()
        environment = deployment(DATABASE_URL=url, WEB_CONCURRENCY="2", **UNLIMITED)
        servers: list[Gunicorn] = []
        try:
            servers += [Gunicorn(environment, folder / f"gunicorn-{number}.log") for number in range(2)]
            manage(environment, "migrate", "--verbosity=0")
            app_key = make_app_key(environment)
            for server in servers:
                server.wait_until_up()
            yield Deployment(environment, folder, servers, app_key, name)
        finally:
            for server in servers:
                server.stop()


@pytest.fixture(autouse=True)
def _same_database(deployed: Deployment, django_db_blocker: Any) -> Iterator[None]:
    """Lets the test's own process see what the servers see, through the same models and services."""
    mine = connections.databases["default"]
    name_before = mine["NAME"]
    connection.close()
    mine["NAME"] = deployed.database
    try:
        with django_db_blocker.unblock():
            yield
            connection.close()
    finally:
        mine["NAME"] = name_before


@pytest.fixture(autouse=True)
def _alone(_empty_state_store: None) -> Iterator[None]:
    """Says so when somebody else has emptied the Redis database meanwhile: limits and revocations are forgotten then,
    and what fails is not the server.
    """
    with state.guarded() as redis:
        redis.set("services:alone", 1)
    yield
    with state.guarded() as redis:
        if not redis.exists("services:alone"):
            pytest.fail("Somebody else empties this Redis database; give the run one of its own.", pytrace=False)


@contextmanager
def no_failures(deployed: Deployment) -> Iterator[None]:
    """Fails the test in which a server blamed itself, whatever the phones made of it; closes the phones' sockets."""
    seen = [server.log.stat().st_size for server in deployed.servers]
    yield
    for wire in deployed.wires:
        wire.close()
    deployed.wires.clear()
    failures = Counter(
        failure
        for server, since in zip(deployed.servers, seen, strict=True)
        for failure in server.failures(since)
        if not any(text in failure for text in deployed.forgiven)
    )
    deployed.forgiven.clear()
    if failures:
        pytest.fail("\n".join(f"{number} × {failure}" for failure, number in failures.most_common(10)), pytrace=False)


@pytest.fixture(autouse=True)
def _no_failures(deployed: Deployment) -> Iterator[None]:
    with no_failures(deployed):
        yield


@contextmanager
def embedded_default(folder: Path, **variables: str) -> Iterator[Deployment]:
    """The embedded default: one worker with threads, a SQLite file, nothing else. It has a database of its own, which
    the test's process does not see.
    """
    given = deployment(VAR_DIR=str(folder), **UNLIMITED | variables)
    environment = {name: value for name, value in given.items() if name not in STORES}
    manage(environment, "migrate", "--verbosity=0")
    app_key = make_app_key(environment)
    server = Gunicorn(environment, folder / "gunicorn.log")
    try:
        server.wait_until_up()
        assert len(server.workers()) == 1
        yield Deployment(environment, folder, [server], app_key, "")
    finally:
        server.stop()


@pytest.fixture
def hand(deployed: Deployment) -> Iterator[Hand]:
    """Another process, up and connected."""
    with deployed.hand() as other:
        other.do("ready")
        yield other


@pytest.fixture
def phone(deployed: Deployment) -> Client:
    return deployed.phone()


@pytest.fixture
def email() -> str:
    return f"someone-{next(_numbers)}@example.com"


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a measurement where people see it."""

    def say(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}\n")

    return say
