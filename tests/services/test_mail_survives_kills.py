"""Processes are killed between the commit that wants a mail and the mail server's reply: every mail arrives."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from handset_client import Client, NetworkFailure
from kombu import Connection

from api.models import OutboxMessage
from core.celery import app as celery
from tests.services.conftest import Deployment
from tests.services.crowds import at_once
from tests.services.servers import Process, wait_until

pytestmark = pytest.mark.services

PHONES = 12
MAIL = "auth.mail_proof"


@pytest.fixture
def post_office() -> Iterator[Any]:
    """A mail server. It is a package of its own, which few tests need."""
    from tests.postoffice import PostOffice

    office = PostOffice()
    office.start()
    try:
        yield office
    finally:
        office.is_held = False
        office.stop()


@contextmanager
def celery_worker(deployed: Deployment, environment: dict[str, str]) -> Iterator[Process]:
    """A worker on a queue of this run's own, told to carry out what is due as beat tells it."""
    queue = deployed.database
    command = ("-m", "celery", "-A", "core.celery:app", "worker", "--pool=solo", "-Q", queue)
    flags = ("--without-gossip", "--without-mingle", "-n", f"{queue}@%h")
    worker = Process(environment, deployed.folder / "mail-celery.log", *command, *flags)
    with Connection(celery.conf.broker_url) as broker:
        try:
            celery.send_task("outbox.run", queue=queue, connection=broker)
            yield worker
        finally:
            worker.stop()
            broker.default_channel.queue_delete(queue)


@contextmanager
def embedded_runner(deployed: Deployment, environment: dict[str, str]) -> Iterator[Process]:
    """The background process of the embedded default."""
    process = Process(environment, deployed.folder / "mail-run_outbox.log", "manage.py", "run_outbox")
    try:
        yield process
    finally:
        process.stop()


def ask_until_answered(phone: Client, email: str) -> None:
    for _ in range(10):
        try:
            if phone.request("POST", "auth/magic/request/", {"email": email}).status == 202:
                return
        except NetworkFailure:
            continue
    raise AssertionError("never answered")


@pytest.mark.parametrize("carrier", [celery_worker, embedded_runner])
def test_every_mail_that_was_promised_arrives(
    deployed: Deployment, post_office: Any, email: str, carrier: Callable[..., Any]
) -> None:
    """Workers of the web servers die around their commits; the first one that mails dies before the server's reply."""
    OutboxMessage.objects.filter(done_at=None).delete()  # what other tests have left
    variables = {"EMAIL_PROVIDER": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(post_office.port)}
    environment = {**deployed.environment, **variables}
    addresses = [f"{number}-{email}" for number in range(PHONES)]
    phones = deployed.phones(PHONES)

    asks = [partial(ask_until_answered, phone, address) for phone, address in zip(phones, addresses, strict=True)]
    at_once([*asks, *(server.kill_a_worker for server in deployed.servers)])

    post_office.is_held = True
    with carrier(deployed, environment) as doomed:
        wait_until(lambda: post_office.attempts, f"a mail is on its way: {doomed.log.read_text()[-500:]}", seconds=30)
        doomed.kill()
    wanted = OutboxMessage.objects.filter(task=MAIL, done_at=None)
    assert wanted.filter(lease__isnull=False, attempts=1).exists()
    assert post_office.deliveries == []
    wanted.update(due_at=timezone.now())  # leases are not waited for

    post_office.is_held = False
    with carrier(deployed, environment) as worker:
        wait_until(lambda: not wanted.exists(), f"all is mailed: {worker.log.read_text()[-500:]}", seconds=30)

    assert not OutboxMessage.objects.filter(task=MAIL, failed_at__isnull=False).exists()
    arrived = Counter(delivery.recipients[0] for delivery in post_office.deliveries)
    assert set(arrived) == set(addresses)
    # A client whose answer was lost asks again: that is another code, and voids the one before.
    references = [delivery.message["Message-ID"] for delivery in post_office.deliveries]
    assert len(references) == len(set(references))
