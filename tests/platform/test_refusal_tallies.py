"""Refusals come in crowds: of each minute the first is a row of the trail at once, and the others are one row together."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Sum

from api.apis.audit import services
from api.models import ActorKind, AuditEntry, Channel, Outcome, RefusalTally
from api.platform import audit, callers
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db

PERSON, PHONE = (uuid.UUID(f"01933b5e-0000-7000-8000-00000000000{number}") for number in (1, 2))
CALLER = Caller(kind=ActorKind.DEVICE, channel=Channel.API, device_id=PHONE, address="192.0.2.1", request_id="r1")
START = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def refuse(caller: Caller = CALLER, **more: Any) -> None:
    audit.record_refusal(caller, "auth.sign_in_failed", **{"target_kind": "user", "target_id": PERSON, **more})


def told() -> list[int]:
    return list(AuditEntry.objects.order_by("id").values_list("times", flat=True))


def test_the_first_is_told_at_once_and_the_others_when_the_minute_is_over(clock: Any) -> None:
    refuse()
    for second in range(1, 5):
        clock.shift(timedelta(seconds=1))
        refuse(replace(CALLER, address=f"192.0.2.{second}", request_id=f"r{second}"))
    services.seal()
    assert told() == [1]
    clock.move_to(START + timedelta(minutes=1))
    services.seal()
    services.seal()
    assert told() == [1, 4]
    last = AuditEntry.objects.latest("id")
    assert (last.action, last.outcome, last.target_id) == ("auth.sign_in_failed", Outcome.REFUSED, str(PERSON))
    assert (last.at, last.address, last.request_id) == (START + timedelta(seconds=4), "192.0.2.4", "r4")
    assert (last.actor_kind, last.device_id, last.number) == (ActorKind.DEVICE, PHONE, 2)
    assert not RefusalTally.objects.exists()
    assert services.verify()[1] == []


def test_one_alone_leaves_nothing_to_tell(clock: Any) -> None:
    refuse()
    clock.move_to(START + timedelta(minutes=1))
    refuse()
    services.seal()
    assert told() == [1, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"caller": replace(CALLER, device_id=PERSON)},
        {"caller": replace(CALLER, user_id=PERSON)},
        {"account": b"somebody else"},
        {"target_id": PHONE},
        {"changes": {"reason": [None, "expired"]}},
    ],
    ids=["device", "actor", "account", "target", "reason"],
)
def test_what_differs_is_told_apart(clock: Any, other: dict[str, Any]) -> None:
    refuse()
    refuse(**other)
    assert told() == [1, 1]


def test_where_there_is_no_device_the_address_is_what_differs(clock: Any) -> None:
    browser = replace(CALLER, device_id=None)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        refuse(replace(browser, address=address))
    assert told() == [1, 1]


def test_writing_does_not_tell_whether_there_is_such_an_account(clock: Any, django_assert_num_queries: Any) -> None:
    """A guess at somebody costs the same as one at nobody, whatever was guessed before in that minute."""
    for account, target in ((b"a", PERSON), (b"b", ""), (b"c", PERSON), (b"d", "")):
        with django_assert_num_queries(7):  # its savepoint (2), the count (3), how many these are, the row
            refuse(account=account, target_id=target)
        with django_assert_num_queries(4):
            refuse(account=account, target_id=target)


def test_who_counts_while_the_minute_is_told_of_begins_anew(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a process that was paused between looking at the clock and writing."""
    for _ in range(3):
        refuse()
    with time_machine.travel(START + timedelta(minutes=1)):
        services.seal()
    refuse()  # the clock still says the minute before
    with time_machine.travel(START + timedelta(minutes=1)):
        services.seal()
    assert told() == [1, 2, 1]


def test_a_task_that_dies_has_told_nothing_and_forgotten_nothing(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        refuse()
    clock.move_to(START + timedelta(minutes=1))
    with monkeypatch.context() as patched:
        patched.setattr(audit.RefusalTally.objects, "filter", dying_at_deletion(audit.RefusalTally.objects.filter))
        with pytest.raises(KeyboardInterrupt):
            services.seal()
    assert told() == [1]
    services.seal()
    assert told() == [1, 2]


def dying_at_deletion(look_up: Any) -> Any:
    """What happens when a process ends after the rows were written, and before the counts were forgotten."""

    def look_up_or_die(**which: Any) -> Any:
        found = look_up(**which)

        def die() -> None:
            raise KeyboardInterrupt

        found.delete = die
        return found

    return look_up_or_die


def test_of_a_person_who_is_erased_it_does_not_tell_from_where(clock: Any) -> None:
    for _ in range(3):
        refuse()
    services.erase_person(callers.job(), user_id=PERSON)
    clock.move_to(START + timedelta(minutes=1))
    services.seal()
    rest = AuditEntry.objects.get(times=2)
    assert (rest.address, rest.device_id) == (None, PHONE)
    assert services.verify()[1] == []


def test_many_are_told_in_batches(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_TOLD_AT_ONCE", 2)
    for account in range(5):
        for _ in range(3):
            refuse(account=bytes([account]))
    clock.move_to(START + timedelta(minutes=1))
    services.seal()
    assert AuditEntry.objects.aggregate(all=Sum("times"))["all"] == 15
    assert AuditEntry.objects.count() == 10
