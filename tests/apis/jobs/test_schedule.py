"""The schedule: what runs when is a message of the outbox, written once for each slot, whoever writes it first."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from api.apis.jobs import services
from api.models import OutboxMessage

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHEDULE = {"jobs.sweep": 600, "contacts.sweep": 3600}


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def tasks() -> list[str]:
    return sorted(OutboxMessage.objects.values_list("task", flat=True))


def test_a_slot_is_written_once_however_often_it_is_asked_for(clock: Any) -> None:
    for _ in range(3):
        services.enqueue_schedule(SCHEDULE)
        clock.shift(100)
    assert tasks() == ["contacts.sweep", "jobs.sweep"]


def test_the_next_slot_is_another_message(clock: Any) -> None:
    services.enqueue_schedule(SCHEDULE)
    clock.shift(599)
    services.enqueue_schedule(SCHEDULE)
    assert tasks() == ["contacts.sweep", "jobs.sweep"]
    clock.shift(1)
    services.enqueue_schedule(SCHEDULE)
    assert tasks() == ["contacts.sweep", "jobs.sweep", "jobs.sweep"]


def test_a_slot_that_was_done_is_not_done_again(clock: Any) -> None:
    services.enqueue_schedule(SCHEDULE)
    assert services.run_due() == 2
    services.enqueue_schedule(SCHEDULE)
    assert services.run_due() == 0
    assert OutboxMessage.objects.filter(done_at=NOON).count() == 2


def test_slots_that_nobody_wrote_are_not_made_up_for(clock: Any) -> None:
    services.enqueue_schedule(SCHEDULE)
    clock.shift(timedelta(days=3))
    services.enqueue_schedule(SCHEDULE)
    assert tasks() == ["contacts.sweep", "contacts.sweep", "jobs.sweep", "jobs.sweep"]


def test_everything_that_is_scheduled_runs_on_an_empty_database(clock: Any) -> None:
    services.enqueue_schedule(settings.SCHEDULE)
    call_command("run_outbox", once=True)
    assert OutboxMessage.objects.filter(done_at__isnull=False).count() >= len(settings.SCHEDULE)
    assert not OutboxMessage.objects.exclude(last_error="").exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_write_a_slot_at_once_one_does() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    ready = threading.Barrier(8)
    failed: list[Exception] = []

    def write() -> None:
        try:
            ready.wait()
            services.enqueue_schedule({"jobs.sweep": 10**9})
        except Exception as error:  # noqa: BLE001 -- whatever it is fails the test
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert tasks() == ["jobs.sweep"]
