"""The chain of the audit trail: what was altered, removed or put elsewhere is found; what may go, goes."""

import io
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from api.apis.audit import services
from api.apis.jobs import services as jobs
from api.models import ActorKind, AuditDay, AuditEntry, Channel, OutboxMessage, Outcome
from api.platform import audit, audit_verification, callers
from api.platform.callers import Caller
from api.platform.keys import b64url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("files")]

PERSON = uuid.UUID("01933b5e-0000-7000-8000-000000000001")
CALLER = Caller(kind=ActorKind.USER, channel=Channel.API, user_id=PERSON, address="2001:db8::1", request_id="r1")
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def write(number: int, caller: Caller = CALLER, **more: Any) -> None:
    for index in range(number):
        changes = {
            "name": [None, f"Zoë 🍣 {index}"],
            "count": [index, 1.5],
            "big": [1e22, 100.0],
            "deep": {"b": 1, "a": None},
        }
        audit.record(caller, "thing.changed", target_kind="thing", target_id=index, changes=changes, **more)


def faults() -> list[str]:
    return services.verify()[1]


@pytest.fixture
def trail() -> list[AuditEntry]:
    """Three days with rows, and a few that have no number yet."""
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(3):
            for _ in range(2):
                write(5)
                services.seal()
            clock.shift(timedelta(days=1))
        write(1, caller=callers.command("by hand"))
        services.seal()
        while jobs.run_due():
            pass
    write(2)
    assert faults() == []
    return list(AuditEntry.objects.order_by("id"))


def test_rows_are_numbered_without_gaps_and_chained_over_days(trail: list[AuditEntry]) -> None:
    assert [row.number for row in trail] == [*range(1, 32), None, None]
    assert [(day.first_number, day.count) for day in AuditDay.objects.order_by("day")] == [
        (1, 10), (11, 10), (21, 10), (31, 1),
    ]  # fmt: skip
    seen, wrong = services.verify()
    assert (seen.rows, seen.days, seen.unsealed, wrong) == (31, 4, 2, [])
    services.seal()
    assert AuditEntry.objects.filter(number=None).count() == 0
    assert faults() == []


COLUMNS: dict[str, Any] = {
    "at": START + timedelta(microseconds=1),
    "action": "thing.unchanged",
    "outcome": Outcome.REFUSED,
    "channel": Channel.CMS,
    "actor_kind": ActorKind.STAFF,
    "actor_id": "somebody else",
    "on_behalf_of": "x",
    "organization_id": PERSON,
    "target_kind": "other",
    "target_id": "99",
    "address": "192.0.2.99",
    "device_id": PERSON,
    "request_id": "r2",
    "changes": {"name": [None, "Mallory"]},
    "reason": "because",
    "times": 7,
    "salt": bytes(16),
    "commitment": bytes(32),
    "digest": bytes(32),
    "key_id": "k9",
    "mac": bytes(32),
}


@pytest.mark.parametrize("position", [0, 9, 17, 30, 31])
def test_any_column_of_any_row(trail: list[AuditEntry], position: int) -> None:
    row = trail[position]
    unnoticed = []
    for column, value in COLUMNS.items():
        AuditEntry.objects.filter(id=row.id).update(**{column: value})
        if not faults():
            unnoticed.append(column)
        AuditEntry.objects.filter(id=row.id).update(**{column: getattr(row, column)})
    # A row that has no number has no link yet, either.
    assert unnoticed == ([] if row.number else ["mac"])
    assert faults() == []


def test_every_column_is_among_them() -> None:
    columns = {field.attname for field in AuditEntry._meta.fields}
    assert columns == COLUMNS.keys() | {"id", "number"}


@pytest.mark.parametrize("position", [0, 4, 9, 10, 15, 29, 30])
def test_a_row_that_is_removed(trail: list[AuditEntry], position: int) -> None:
    AuditEntry.objects.filter(id=trail[position].id).delete()
    assert "missing" in " ".join(faults())


@pytest.mark.parametrize("position", [0, 9, 17, 30])
def test_a_row_that_is_given_another_id(trail: list[AuditEntry], position: int) -> None:
    """Lists are in the order of ids: it would seem to have been done at another time."""
    AuditEntry.objects.filter(id=trail[position].id).update(id=10**9)
    number = trail[position].number
    assert faults() == [f"row {number} does not follow the row before it"]


def test_rows_that_are_exchanged(trail: list[AuditEntry]) -> None:
    one, other = trail[3], trail[4]
    AuditEntry.objects.filter(id=one.id).update(number=None)
    AuditEntry.objects.filter(id=other.id).update(number=one.number)
    AuditEntry.objects.filter(id=one.id).update(number=other.number)
    assert faults()
    AuditEntry.objects.filter(id=one.id).update(mac=other.mac)
    AuditEntry.objects.filter(id=other.id).update(mac=one.mac)
    assert faults()


def test_a_row_that_is_put_in(trail: list[AuditEntry]) -> None:
    """Made past the writer, without the key."""
    row = AuditEntry.objects.values().get(id=trail[3].id)
    AuditEntry.objects.create(**{**row, "id": None, "number": None, "mac": None, "action": "thing.invented"})
    assert faults()
    services.seal()
    assert faults()


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_row_that_is_there_twice(trail: list[AuditEntry], is_sealed: bool) -> None:
    """It has a digest that holds: what was done once would seem to have been done again."""
    row = AuditEntry.objects.values().get(id=trail[3].id)
    copy = AuditEntry.objects.create(**{**row, "id": None, "number": None, "mac": None})
    if is_sealed:
        services.seal()
    assert faults() == [f"row with id {copy.id} is the copy of another"]


def test_a_row_that_is_put_among_those_that_are_gone(trail: list[AuditEntry], settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 30
    with time_machine.travel(START + timedelta(days=32)):
        services.remove_old_days()
    row = AuditEntry.objects.values().get(id=trail[31].id)
    AuditEntry.objects.create(**{**row, "id": None, "number": 5, "action": "thing.invented"})
    assert "row 5 was altered" in faults()


def test_what_is_numbered_during_the_walk_is_no_fault(trail: list[AuditEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    """A long trail takes longer than the minute after which the next rows are numbered."""
    check = audit_verification.Trail._check_rows_of

    def slowly(self: audit_verification.Trail, day: AuditDay) -> None:
        check(self, day)
        write(1)
        services.seal()

    monkeypatch.setattr(audit_verification.Trail, "_check_rows_of", slowly)
    with time_machine.travel(START + timedelta(days=3, hours=1)):
        assert faults() == []


def test_a_gap_that_is_closed(trail: list[AuditEntry]) -> None:
    AuditEntry.objects.filter(id=trail[29].id).delete()
    AuditEntry.objects.filter(number=31).update(number=30)
    day = AuditDay.objects.get(first_number=21)
    AuditDay.objects.filter(day=day.day).update(count=9, head=trail[28].mac)
    AuditDay.objects.filter(first_number=31).update(first_number=30, before=trail[28].mac)
    assert faults()


def test_a_day_that_is_cut_off_or_altered(trail: list[AuditEntry]) -> None:
    days = list(AuditDay.objects.order_by("day"))
    for change in (
        {"count": 9},
        {"head": bytes(32)},
        {"first_number": 2},
        {"before": b"x" * 32},
        {"removed_at": START},
    ):
        AuditDay.objects.filter(day=days[0].day).update(**change)
        assert faults(), change
        AuditDay.objects.filter(day=days[0].day).update(**{name: getattr(days[0], name) for name in change})
    assert faults() == []
    AuditDay.objects.filter(day=days[-1].day).delete()
    assert faults()


def test_a_whole_day_that_goes_with_its_rows(trail: list[AuditEntry]) -> None:
    AuditEntry.objects.filter(number__gte=21).delete()
    AuditDay.objects.filter(first_number__gte=21).delete()
    AuditEntry.objects.filter(number=None).delete()
    with time_machine.travel(START + timedelta(days=4)):
        assert faults() == ["2026-11-22 is missing"]
        AuditEntry.objects.all().delete()
        AuditDay.objects.all().delete()
        assert faults() == ["2026-11-20 is missing", "2026-11-21 is missing", "2026-11-22 is missing"]


def test_a_days_copy_is_kept_where_files_are(trail: list[AuditEntry], files: Path) -> None:
    kept = [path.name for path in sorted((files / "audit").iterdir())]
    assert kept == ["2026-11-20.json", "2026-11-21.json", "2026-11-22.json"]
    head = bytes(AuditDay.objects.get(first_number=1).head).hex()
    assert (files / "audit/2026-11-20.json").read_text() == (
        f'{{"day":"2026-11-20","first_number":1,"count":10,"head":"{head}"}}'
    )


def test_a_days_copy_that_is_removed(trail: list[AuditEntry], files: Path) -> None:
    (files / "audit/2026-11-21.json").unlink()
    assert faults() == ["of 2026-11-21 nothing is kept elsewhere"]


def test_a_days_copy_that_is_still_to_be_made_is_no_fault(trail: list[AuditEntry]) -> None:
    moment = START + timedelta(days=4)
    with time_machine.travel(moment):
        write(1)
        services.seal()
        assert faults() == []
    with time_machine.travel(moment + timedelta(days=2)):  # nobody has carried it out, which nobody may overlook
        assert faults() == ["of 2026-11-23 nothing is kept elsewhere"]


def test_a_days_copy_that_somebody_holds_up(trail: list[AuditEntry]) -> None:
    """Whoever writes to the database writes messages, too."""
    moment = START + timedelta(days=4)
    with time_machine.travel(moment):
        write(1)
        services.seal()
    with time_machine.travel(moment + timedelta(days=2)):
        now = timezone.now()
        OutboxMessage.objects.filter(dedup_key="audit-day:2026-11-23").update(created_at=now, due_at=now)
        assert faults() == ["of 2026-11-23 nothing is kept elsewhere"]


def test_a_day_that_is_written_anew_differs_from_its_copy(trail: list[AuditEntry], settings: Any) -> None:
    """Even by somebody who has the key."""
    from api.platform import audit_chain

    day = AuditDay.objects.get(first_number=31)
    last = AuditDay.objects.get(first_number=21)
    last.count, last.head = 9, trail[28].mac
    last.mac = audit_chain.seal_of_day(last)
    last.save()
    day.first_number, day.before = 30, trail[28].mac
    day.head = audit_chain.link_of(
        bytes(trail[28].mac or b""), 30, trail[30].id, bytes(trail[30].digest), trail[30].key_id
    )
    day.mac = audit_chain.seal_of_day(day)
    day.save()
    AuditEntry.objects.filter(id=trail[29].id).delete()
    AuditEntry.objects.filter(id=trail[30].id).update(number=30, mac=day.head)
    assert faults() == ["2026-11-22 is not what was kept of it elsewhere"]


def test_another_key_signs_and_the_old_one_still_verifies(trail: list[AuditEntry], settings: Any) -> None:
    old = settings.FIELD_KEYS
    settings.FIELD_KEYS = f"new:{b64url(b'n' * 32)},{old}"
    write(3)
    services.seal()
    assert faults() == []
    assert AuditEntry.objects.latest("id").key_id == "new"
    settings.FIELD_KEYS = f"new:{b64url(b'n' * 32)}"
    assert len(faults()) > 30


# -- what may go


def test_what_is_personal_is_erased_and_the_chain_holds(trail: list[AuditEntry]) -> None:
    assert services.erase_person(callers.job(), user_id=PERSON) == 32
    assert services.erase_person(callers.job(), user_id=PERSON) == 0
    row = AuditEntry.objects.get(number=3)
    assert (row.address, row.changes, row.reason, row.salt) == (None, {}, "", None)
    assert (row.actor_id, row.action) == (str(PERSON), "thing.changed")
    services.seal()
    seen, wrong = services.verify()
    assert (seen.erased, wrong) == (32, [])
    ids = [row.id for row in trail]
    told = AuditEntry.objects.get(action="audit.erased").changes
    # All of the person's, but not what a command wrote.
    assert told == {"rows": [None, 32], "ids": [None, f"{ids[0]}-{ids[29]},{ids[31]}-{ids[32]}"]}


def erase_past_the_service(row: AuditEntry) -> None:
    AuditEntry.objects.filter(id=row.id).update(address=None, changes={}, reason="", salt=None)


@pytest.mark.parametrize("position", [2, 30, 32])
def test_an_erasure_that_nobody_recorded(trail: list[AuditEntry], position: int) -> None:
    erase_past_the_service(trail[position])
    assert faults() == [f"row with id {trail[position].id} was erased by nobody"]


def test_an_erasure_beside_others_that_were_recorded(trail: list[AuditEntry], settings: Any) -> None:
    """Also when rows that were erased are gone by now, of which the records remain."""
    services.erase_person(callers.job(), user_id=PERSON)
    services.seal()
    erase_past_the_service(trail[30])
    settings.AUDIT_RETENTION_DAYS = 30
    with time_machine.travel(START + timedelta(days=32)):
        services.remove_old_days()
        services.seal()
        while jobs.run_due():
            pass
        assert AuditEntry.objects.filter(salt=None).count() < 32
        assert faults() == [f"row with id {trail[30].id} was erased by nobody"]


def test_a_record_of_an_erasure_that_is_altered_to_cover_another(trail: list[AuditEntry]) -> None:
    services.erase_person(callers.job(), user_id=PERSON)
    erase_past_the_service(trail[30])
    record = AuditEntry.objects.filter(action="audit.erased")
    record.update(changes={"rows": [None, 33], "ids": [None, f"{trail[0].id}-{trail[32].id}"]})
    assert faults()[0] == f"row with id {record.get().id}, not numbered yet was altered"


def test_whole_days_go_after_their_time_and_the_chain_holds(trail: list[AuditEntry], settings: Any) -> None:
    settings.AUDIT_RETENTION_DAYS = 30
    with time_machine.travel(START + timedelta(days=32)):
        for _ in range(2):
            services.remove_old_days()
        assert list(AuditEntry.objects.order_by("number").values_list("number", flat=True)[:1]) in ([None], [21])
        assert AuditEntry.objects.filter(number__lt=21).count() == 0
        assert AuditDay.objects.filter(removed_at=None).count() == 2
        write(1)
        services.seal()
        assert faults() == []
    settings.AUDIT_RETENTION_DAYS = 0
    with time_machine.travel(START + timedelta(days=5000)):
        services.remove_old_days()
    assert AuditDay.objects.filter(removed_at=None).count() == 3


# -- the command


def test_the_command_says_what_it_found(trail: list[AuditEntry]) -> None:
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue().startswith("33 rows of 4 days hold")
    AuditEntry.objects.filter(number=7).update(actor_id="mallory")
    with pytest.raises(CommandError, match="tampered"):
        call_command("verify_audit", stdout=said)
    assert "row 7 was altered" in said.getvalue()


def test_writing_takes_one_query_and_no_lock_on_the_chain(django_assert_num_queries: Callable[..., Any]) -> None:
    write(1)
    with django_assert_num_queries(1):
        write(1)


def test_a_row_that_commits_late_gets_a_later_number(trail: list[AuditEntry]) -> None:
    services.seal()
    first = trail[0]
    assert AuditEntry.objects.filter(id__lt=first.id).count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(number) FROM audit_entry")
        (highest,) = cursor.fetchone()
    write(1)
    late = AuditEntry.objects.latest("id")
    services.seal()
    late.refresh_from_db()
    assert late.number == highest + 1
    assert AuditEntry.objects.filter(number=F("number")).count() == highest + 1
    assert isinstance(AuditDay.objects.latest("day").day, date)
