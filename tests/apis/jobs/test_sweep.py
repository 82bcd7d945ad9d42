"""Sweeps: what says nothing any more is deleted, and not a moment earlier."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from api.apis.contacts import services as contacts
from api.apis.contacts.services.changing import TOMBSTONE_DAYS
from api.apis.jobs import services
from api.models import AuditEntry, Contact, ContactTerm, Counter, OutboxMessage, RateLimit, ReplayNonce
from api.platform import outbox
from tests.apis.contacts.rows import make_contact
from tests.apis.contacts.trail import count_of
from tests.conftest import Person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def test_nonces_stay_until_their_signatures_have_expired(clock: Any) -> None:
    for number, expires_at in enumerate([NOON - SECOND, NOON, NOON + SECOND]):
        ReplayNonce.objects.create(digest=bytes([number]) * 32, expires_at=expires_at)
    services.forget_expired()
    assert {bytes(nonce.digest)[0] for nonce in ReplayNonce.objects.all()} == {1, 2}


def test_limits_stay_until_they_are_whole_again(clock: Any) -> None:
    now = int(NOON.timestamp() * 1_000_000)
    for name, arrival in (("whole", now - 1), ("now", now), ("spent", now + 1)):
        RateLimit.objects.create(key=name, arrival_us=arrival)
    services.forget_expired()
    assert set(RateLimit.objects.values_list("key", flat=True)) == {"now", "spent"}


def test_counters_stay_until_their_time_is_over(clock: Any) -> None:
    for name, expires_at in (("over", NOON - SECOND), ("now", NOON), ("counting", NOON + SECOND)):
        Counter.objects.create(key=name, value=1, expires_at=expires_at)
    services.forget_expired()
    assert set(Counter.objects.values_list("key", flat=True)) == {"now", "counting"}


def test_messages_stay_for_a_week_after_they_are_done_and_failures_for_ninety_days(clock: Any) -> None:
    week = timedelta(days=7)
    for name, state in {
        "done long ago": {"done_at": NOON - week - SECOND, "due_at": None},
        "done a week ago": {"done_at": NOON - week, "due_at": None},
        "just done": {"done_at": NOON, "due_at": None},
        "failed long ago": {"failed_at": NOON - timedelta(days=90) - SECOND, "due_at": None},
        "failed": {"failed_at": NOON - timedelta(days=90), "due_at": None},
        "due long ago": {"due_at": NOON - 100 * week},
        "due": {"due_at": NOON + SECOND},
        "leased": {"due_at": NOON + SECOND, "lease": "00000000-0000-4000-8000-000000000000"},
    }.items():
        OutboxMessage.objects.create(task=name, **state)
    services.forget_expired()
    left = set(OutboxMessage.objects.values_list("task", flat=True))
    assert left == {"done a week ago", "just done", "failed", "due long ago", "due", "leased"}


def test_a_sweep_goes_on_until_all_is_swept(clock: Any) -> None:
    old = int(NOON.timestamp() * 1_000_000) - 1
    RateLimit.objects.bulk_create(RateLimit(key=f"k{number}", arrival_us=old) for number in range(2100))
    services.forget_expired()
    assert not RateLimit.objects.exists()


def test_the_task_sweeps(clock: Any) -> None:
    Counter.objects.create(key="over", value=1, expires_at=NOON - SECOND)
    outbox.enqueue("jobs.sweep")
    assert services.run_due() == 1
    assert not Counter.objects.exists()


# -- tombstones of contacts


@pytest.fixture
def tombstones(alice: Person) -> dict[str, Contact]:
    """By their age: contacts that were deleted 90 days ago and a little more, a little less; and one that was not."""
    now = datetime.now(UTC)
    ninety = timedelta(days=TOMBSTONE_DAYS)
    made = {name: make_contact(alice, display_name=name) for name in ("older", "younger", "fresh", "alive")}
    for name, deleted_at in (
        ("older", now - ninety - timedelta(minutes=1)),
        ("younger", now - ninety + timedelta(minutes=1)),
        ("fresh", now),
    ):
        alice.delete(f"contacts/{made[name].slug}/")
        Contact.objects.filter(id=made[name].id).update(deleted_at=deleted_at)
    return made


def test_tombstones_stay_until_every_device_has_heard_of_them(alice: Person, tombstones: dict[str, Contact]) -> None:
    own = alice.user.personal_organization.id
    before, entries = count_of(own), AuditEntry.objects.count()
    outbox.enqueue("contacts.sweep")
    assert services.run_due() >= 1
    assert set(Contact.objects.values_list("display_name", flat=True)) == {"younger", "fresh", "alive"}
    assert ContactTerm.objects.filter(contact=tombstones["alive"]).exists()
    # Nothing that devices could still hear of: no change is counted, and the trail of the deletion stays.
    assert count_of(own) == before
    assert AuditEntry.objects.count() == entries


def test_one_that_others_were_merged_into_leaves_them(alice: Person, tombstones: dict[str, Contact]) -> None:
    Contact.objects.filter(id=tombstones["fresh"].id).update(merged_into=tombstones["older"])
    while contacts.forget_tombstones():
        pass
    assert Contact.objects.get(id=tombstones["fresh"].id).merged_into is None


def test_many_are_swept_in_portions(alice: Person) -> None:
    made = [make_contact(alice, display_name=f"C{number}") for number in range(5)]
    Contact.objects.update(deleted_at=datetime.now(UTC) - timedelta(days=91))
    assert [contacts.forget_tombstones(most=2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(made) == 5
