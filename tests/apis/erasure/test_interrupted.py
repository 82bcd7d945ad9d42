"""Erasures that are cut off, stopped after each step, or carried out twice: they end, and the receipt is right."""

import uuid

import pytest

from api.apis.erasure import services
from api.apis.erasure.services import receipts, rows
from api.apis.erasure.services.receipts import Receipt
from api.models import AuditEntry, Contact, Job, OutboxMessage, User
from tests.apis.contacts.rows import make_contact
from tests.apis.erasure.asking import carry_out, give_up, run_outbox
from tests.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(alice: Person, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The erasure of somebody with five contacts, two rows at a time."""
    monkeypatch.setattr(rows, "AT_ONCE", 2)
    for number in range(5):
        make_contact(alice, display_name=f"Grace {number}")
    return give_up(alice)


def require_right(job: Job) -> None:
    assert job.result is not None
    assert job.result["rows"]["contact"] == 5
    assert job.result["rows"]["user"] == 1
    assert not User.objects.filter(id=job.subject_id).exists()
    assert not Contact.objects.exists()
    assert AuditEntry.objects.filter(action="user.erased").count() == 1


@pytest.mark.parametrize("dies_at", [1, 2, 4, 7])
def test_a_worker_that_dies_is_taken_over_from(job: Job, dies_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter(range(1, 1000))

    def die(_receipt: Receipt) -> None:
        if next(steps) == dies_at:
            raise KeyboardInterrupt  # nothing is written any more: the lease runs out

    with monkeypatch.context() as dying:
        dying.setattr(Receipt, "rest", die)
        with pytest.raises(KeyboardInterrupt):
            run_outbox()
    left = OutboxMessage.objects.get(job=job)
    assert (left.done_at, left.failed_at) == (None, None)
    assert left.lease is not None
    OutboxMessage.objects.filter(job=job).update(due_at=left.created_at)
    require_right(carry_out(job))


def test_a_worker_stops_once_another_has_taken_the_erasure_up(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    rest = Receipt.rest

    def lose(receipt: Receipt) -> None:
        steps.append(receipt)
        OutboxMessage.objects.filter(job=job).update(lease=uuid.uuid4())
        rest(receipt)

    with monkeypatch.context() as losing:
        losing.setattr(Receipt, "rest", lose)
        run_outbox()
    assert len(steps) == 1
    assert User.objects.filter(id=job.subject_id).exists()
    OutboxMessage.objects.filter(job=job).update(due_at=job.created_at)
    require_right(carry_out(job))


def test_it_lets_others_have_their_turn(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "_SECONDS", -1)
    require_right(carry_out(job))


def test_what_was_carried_out_is_not_counted_again(job: Job) -> None:
    carry_out(job)
    assert job.subject_id is not None
    before = job.result
    services.erase_person(job.id, user_id=job.subject_id)
    job.refresh_from_db()
    assert job.result == before
    require_right(job)


def test_one_that_failed_is_tried_again_by_and_by(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_receipt: Receipt) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(Receipt, "rest", fail)
        for _ in range(10):
            OutboxMessage.objects.filter(job=job, failed_at=None).update(due_at=job.created_at)
            run_outbox()
    job.refresh_from_db()
    assert job.state == "FAILURE"
    services.go_on_with_failed()
    job.refresh_from_db()
    assert job.state == "FAILURE"  # not at once
    Job.objects.filter(id=job.id).update(ended_at=job.created_at.replace(year=2020))
    OutboxMessage.objects.filter(job=job).delete()  # staff have discarded it
    for _ in range(2):
        services.go_on_with_failed()
    require_right(carry_out(job))
