"""The audit trail under many writers and several who number it: one chain, every row in it once, nobody waits."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from api.apis.audit import services
from api.models import ActorKind, AuditEntry, Channel, RefusalTally
from api.platform import audit, audit_chain, transactions
from api.platform.callers import Caller
from tests.services.conftest import Deployment

pytestmark = pytest.mark.services

WRITERS, SEALERS, ROWS = 8, 3, 150
ROUNDS = 40


def test_many_writers_and_sealers_make_one_chain(deployed: Deployment) -> None:
    name = f"counted.{uuid.uuid4().hex[:12]}"
    stop = threading.Event()

    def write(number: int) -> None:
        caller = Caller(kind=ActorKind.JOB, channel=Channel.JOB, request_id=str(number))
        try:
            for row in range(ROWS):
                with transaction.atomic():
                    audit.record(caller, name, target_kind="number", target_id=row, changes={"row": [None, row]})
                    if row % 7 == 0:
                        transaction.set_rollback(True)  # what did not happen leaves no gap
        finally:
            connection.close()

    def seal() -> int:
        sealed = 0
        try:
            while not stop.is_set():
                sealed += audit_chain.seal(most=40)
        finally:
            connection.close()
        return sealed

    with ThreadPoolExecutor(WRITERS + SEALERS) as pool:
        sealing = [pool.submit(seal) for _ in range(SEALERS)]
        try:
            for writing in [pool.submit(write, number) for number in range(WRITERS)]:
                writing.result(120)
        finally:
            stop.set()
        shares = [future.result(60) for future in sealing]

    services.seal()
    seen, faults = services.verify()
    assert faults == []
    assert seen.unsealed == 0
    rows = AuditEntry.objects.filter(action=name)
    assert rows.count() == WRITERS * (ROWS - len(range(0, ROWS, 7)))
    assert sum(share > 0 for share in shares) >= 1
    numbers = list(AuditEntry.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))

    AuditEntry.objects.filter(id=rows.latest("id").id).update(target_id="0")
    assert len(services.verify()[1]) == 1
    AuditEntry.objects.filter(id=rows.latest("id").id).update(target_id=str(ROWS - 1))
    assert services.verify()[1] == []


def test_no_refusal_is_lost_while_minutes_are_told_of(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every moment is a minute of its own here, so that counting meets telling all the time."""
    monkeypatch.setattr(
        audit, "_minute_of", lambda moment: moment.replace(microsecond=moment.microsecond // 5000 * 5000)
    )
    name = f"refused.{uuid.uuid4().hex[:12]}"
    stop = threading.Event()

    def guess() -> None:
        caller = Caller(kind=ActorKind.DEVICE, channel=Channel.API, device_id=uuid.UUID(int=1))
        try:
            for _ in range(ROWS):
                audit.record_refusal(caller, name, target_kind="user")
        finally:
            connection.close()

    def tell() -> None:
        try:
            while not stop.is_set():
                audit.tell_tallies()
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS + SEALERS) as pool:
        telling = [pool.submit(tell) for _ in range(SEALERS)]
        try:
            for guessing in [pool.submit(guess) for _ in range(WRITERS)]:
                guessing.result(120)
        finally:
            stop.set()
        for future in telling:
            future.result(60)
    monkeypatch.undo()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        audit.tell_tallies()
    rows = AuditEntry.objects.filter(action=name)
    assert rows.aggregate(all=Sum("times"))["all"] == WRITERS * ROWS
    assert rows.filter(times__gt=1).exists()
    assert not RefusalTally.objects.exists()


def test_refusals_that_begin_a_minute_together_do_not_deadlock(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them has to be tried again: what is tried four times in vain would answer a wrong guess with 500."""
    monkeypatch.setattr(transactions, "_ATTEMPTS", 1)
    name = f"refused.{uuid.uuid4().hex[:12]}"
    together = threading.Barrier(WRITERS)

    def guess() -> None:
        try:
            for number in range(ROUNDS):
                caller = Caller(kind=ActorKind.DEVICE, channel=Channel.API, device_id=uuid.UUID(int=number))
                together.wait(60)
                audit.record_refusal(caller, name, target_kind="user")
        except BaseException:
            together.abort()
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        for guessing in [pool.submit(guess) for _ in range(WRITERS)]:
            guessing.result(120)
    assert sum(RefusalTally.objects.filter(action=name).values_list("times", flat=True)) == WRITERS * ROUNDS


def test_a_writer_does_not_wait_for_the_chain(deployed: Deployment) -> None:
    """While somebody holds the chain's end, rows are written all the same."""
    caller = Caller(kind=ActorKind.JOB, channel=Channel.JOB)
    audit.record(caller, "counted.first", target_kind="number")
    services.seal()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        from api.models import AuditDay

        try:
            with transaction.atomic():
                AuditDay.objects.select_for_update().latest("day")
                held.set()
                release.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(10)
        with connection.execute_wrapper(_in_time):
            audit.record(caller, "counted.second", target_kind="number")
        release.set()
        holding.result(10)
    assert AuditEntry.objects.filter(action="counted.second").count() == 1


def _in_time(execute: object, sql: str, params: object, many: bool, context: object) -> object:
    import time

    began = time.monotonic()
    result = execute(sql, params, many, context)  # type: ignore[operator]
    assert time.monotonic() - began < 2
    return result
