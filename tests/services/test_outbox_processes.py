"""The outbox with the processes that a deployment has: what was committed is carried out, by somebody, to the end."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from handset_client.outcomes import accept
from kombu import Connection

from api.apis.jobs import services as jobs
from api.models import AuditEntry, Contact, Job, JobState, OutboxMessage
from api.platform import leases, outbox
from core.celery import app as celery
from tests.services.conftest import Deployment
from tests.services.servers import Process, wait_until

pytestmark = pytest.mark.services

MESSAGES = 200


def _enqueued(name: str, arguments: dict[str, object] | None = None) -> OutboxMessage:
    """The message of a call that was committed."""
    before = set(OutboxMessage.objects.filter(task=name).values_list("id", flat=True))
    outbox.enqueue(name, arguments)
    return OutboxMessage.objects.exclude(id__in=before).get(task=name)


@contextmanager
def _runner(deployed: Deployment) -> Iterator[Process]:
    process = Process(deployed.environment, deployed.folder / "run_outbox.log", "manage.py", "run_outbox")
    try:
        yield process
    finally:
        process.stop()


def test_what_was_rolled_back_is_never_carried_out(deployed: Deployment) -> None:
    with transaction.atomic():
        outbox.enqueue("services.count", {"number": -1}, dedup_key="services:rolled-back")
        transaction.set_rollback(True)

    while jobs.run_due():
        pass

    assert not OutboxMessage.objects.filter(dedup_key="services:rolled-back").exists()
    assert not AuditEntry.objects.filter(action="services.counted", target_id="-1").exists()


def test_a_message_is_due_again_when_its_worker_is_killed(deployed: Deployment) -> None:
    """The worker is killed while its task waits for a row that we hold. Its lease is not waited for but shortened."""
    phone = deployed.phone()
    deployed.person(phone)
    contact_id = accept(phone.request("POST", "contacts/", {"first_name": "Grave"})).json["id"]
    while jobs.run_due():
        pass
    long_ago = timezone.now() - timedelta(days=100)
    Contact.objects.filter(id=contact_id).update(deleted_at=long_ago)

    with _runner(deployed) as doomed:
        with transaction.atomic():
            Contact.objects.select_for_update().get(id=contact_id)
            _in_another_connection(lambda: outbox.enqueue("contacts.sweep", dedup_key=f"services:{contact_id}"))
            wait_until(lambda: _leased(contact_id), "the message is taken up")
            doomed.kill()
        message = OutboxMessage.objects.get(dedup_key=f"services:{contact_id}")
        assert (message.done_at, message.attempts) == (None, 1)
        assert message.due_at is not None
        assert timedelta(0) < message.due_at - timezone.now() <= timedelta(seconds=leases.MESSAGE_SECONDS)
        assert Contact.objects.filter(id=contact_id).exists()

    OutboxMessage.objects.filter(id=message.id).update(due_at=timezone.now())
    with _runner(deployed):
        wait_until(lambda: OutboxMessage.objects.filter(id=message.id, done_at__isnull=False).exists(), "it is done")
    message.refresh_from_db()
    assert (message.attempts, message.due_at) == (2, None)
    assert not Contact.objects.filter(id=contact_id).exists()


def _leased(contact_id: str) -> bool:
    return OutboxMessage.objects.filter(dedup_key=f"services:{contact_id}", lease__isnull=False).exists()


def _in_another_connection(action: Callable[[], None]) -> None:
    """Runs `action` in a thread, whose transaction is not ours."""

    def run() -> None:
        try:
            action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(10)


def test_mail_does_not_wait_for_a_job_that_takes_long(deployed: Deployment) -> None:
    """The background process of the embedded default: what the job keeps busy is not what mails."""
    phone = deployed.phone()
    deployed.person(phone)
    with _runner(deployed):
        started = accept(phone.request("POST", "tasks/", {"type": "long_running", "seconds": 8})).json["id"]
        job = Job.objects.filter(id=started)
        wait_until(lambda: job.get().state == JobState.STARTED, "the job is at work")
        message = OutboxMessage.objects.filter(id=_enqueued("onboarding.sweep").id, done_at__isnull=False)
        wait_until(message.exists, "the message is done", seconds=4)
        assert job.get().state == JobState.STARTED
        wait_until(lambda: job.get().state == JobState.SUCCESS, "the job is done", seconds=15)


def test_a_message_that_kills_its_workers_is_given_up(deployed: Deployment) -> None:
    """A dead worker reports nothing, so its attempts are counted when it takes the message up."""
    message = _enqueued("onboarding.sweep")
    OutboxMessage.objects.filter(id=message.id).update(attempts=outbox.ATTEMPTS, lease=uuid.uuid4())

    while jobs.run_due():
        pass

    message.refresh_from_db()
    assert (message.done_at, message.due_at) == (None, None)
    assert message.failed_at is not None


def test_three_runners_carry_each_of_two_hundred_messages_out_once(deployed: Deployment) -> None:
    OutboxMessage.objects.filter(done_at=None).delete()  # what other tests have left
    first = uuid.uuid4().int % 10**12
    numbers = range(first, first + MESSAGES)
    with deployed.hand() as one, deployed.hand() as two, deployed.hand() as three:
        hands = (one, two, three)
        for hand in hands:
            hand.do("ready")
        with transaction.atomic():
            for number in numbers:
                outbox.enqueue("services.count", {"number": number}, dedup_key=f"services:{number}")
        keys = [f"services:{number}" for number in numbers]
        ids = [str(key) for key in OutboxMessage.objects.filter(dedup_key__in=keys).values_list("id", flat=True)]
        for hand in hands:
            hand.tell("run_outbox", until_done=ids)
        shares = [hand.hear().result for hand in hands]

    counted = AuditEntry.objects.filter(action="services.counted", target_id__in=[str(number) for number in numbers])
    assert Counter(counted.values_list("target_id", flat=True)) == {str(number): 1 for number in numbers}
    assert set(OutboxMessage.objects.filter(id__in=ids).values_list("attempts", flat=True)) == {1}
    assert sum(1 for share in shares if share) >= 2, f"one did everything: {shares}"


def test_two_runners_write_one_slot_of_the_schedule(deployed: Deployment) -> None:
    OutboxMessage.objects.filter(dedup_key__startswith="schedule:").delete()  # other tests have killed their runners
    with _runner(deployed) as one, _runner(deployed) as other:
        wait_until(
            lambda: OutboxMessage.objects.filter(
                dedup_key__startswith="schedule:jobs.sweep:", done_at__isnull=False
            ).exists(),
            "a slot is done",
            seconds=30,
        )
        assert one.is_running
        assert other.is_running
    slots = OutboxMessage.objects.filter(dedup_key__startswith="schedule:").values_list("dedup_key", "attempts")
    assert {attempts for _, attempts in slots} == {1}


def test_a_celery_worker_carries_out_what_is_due(deployed: Deployment) -> None:
    """Over RabbitMQ, in a queue of this run's own: other workers on the broker are not ours to feed."""
    queue = deployed.database
    worker = Process(
        deployed.environment,
        deployed.folder / "celery.log",
        *("-m", "celery", "-A", "core.celery:app", "worker", "--pool=solo", "-Q", queue),
        *("--without-gossip", "--without-mingle", "-n", f"{queue}@%h"),
    )
    message = _enqueued("onboarding.sweep")
    with Connection(celery.conf.broker_url) as broker:
        try:
            celery.send_task("outbox.run", queue=queue, connection=broker)

            wait_until(
                lambda: OutboxMessage.objects.filter(id=message.id, done_at__isnull=False).exists(),
                f"the worker has done it; it says: {worker.log.read_text()[-500:]}",
                seconds=30,
            )
            assert worker.is_running
            lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
            assert "celery.worker.strategy" in {line["logger"] for line in lines}
        finally:
            worker.stop()
            broker.default_channel.queue_delete(queue)
