"""Whether the audit trail is as it was written: every row, every link, every day, and what was kept of the days elsewhere."""

import hmac
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import orjson
from django.db.models import Count, Max
from django.utils import timezone

from api.exceptions import NotThere
from api.models import AuditDay, AuditEntry, OutboxMessage
from api.platform import audit_chain, storage
from api.platform.audit_chain import BEGINNING, COLUMNS, ERASED

_READ_AT_ONCE = 2000
_TOLD_MOST = 10  # of what comes in crowds
_COPIED_WITHIN = timedelta(days=1)
_LOOKED_BACK_DAYS = 31  # for days of which nothing is there any more, if it is not older itself


class Verified(NamedTuple):
    rows: int
    days: int
    erased: int  # rows whose personal members are gone
    unsealed: int


class Trail:
    """One walk over the trail. `faults` says what is wrong, in the order in which it is met."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._rows = 0
        self._erased = array("q")  # ids

    def verify(self) -> Verified:
        """Day after day, each as it is when its turn comes: rows are numbered meanwhile, and days begin."""
        known: set[date] = set()
        head, number = BEGINNING, 1
        for day in _days():
            known.add(day.day)
            self._check_day(day, head, number)
            self._check_rows_of(day)
            head, number = bytes(day.head), day.first_number + day.count
        self._look_for_days_beside(known)
        self._look_for_rows_outside()
        self._look_for_copies()
        unsealed = 0
        for row in _rows(AuditEntry.objects.filter(number=None).order_by("id")):
            unsealed += 1
            self._check_row(row, f"row with id {row['id']}, not numbered yet")
        self._look_for_erasures()
        return Verified(self._rows, len(known), len(self._erased), unsealed)

    def _look_for_rows_outside(self) -> None:
        numbers = AuditEntry.objects.filter(number__isnull=False).order_by("number").values_list("number", flat=True)
        ends = {number for number in (numbers.first(), numbers.last()) if number is not None}
        # Read after the numbers: a number and its day are written together.
        first, last = (AuditDay.objects.order_by(order).first() for order in ("day", "-day"))
        within = range(first.first_number, last.first_number + last.count) if first and last else range(0)
        self.faults += [f"row {number} belongs to no day" for number in sorted(ends) if number not in within]

    def _look_for_copies(self) -> None:
        """A copy of a row vouches for itself as well as the row; only that there are two tells."""
        copied = AuditEntry.objects.values("digest").annotate(rows=Count("id"), last=Max("id")).filter(rows__gt=1)
        self.faults += [f"row with id {row['last']} is the copy of another" for row in copied[:_TOLD_MOST]]

    def _look_for_erasures(self) -> None:
        """Of each row that was erased, another one tells. They are read last: rows are erased during the walk, too."""
        records = (row for row in _rows(AuditEntry.objects.filter(action=ERASED)) if _is_whole(row))
        recorded = sorted(span for row in records for span in audit_chain.spans_of(row["changes"]["ids"][1]))
        firsts = [first for first, _ in recorded]
        unrecorded = []
        for row_id in self._erased:
            at = bisect_right(firsts, row_id) - 1
            if at < 0 or recorded[at][1] < row_id:
                unrecorded.append(row_id)
        self.faults += [f"row with id {row_id} was erased by nobody" for row_id in unrecorded[:_TOLD_MOST]]

    def _look_for_days_beside(self, known: set[date]) -> None:
        """A day that went with all its rows has left its copy behind."""
        today = timezone.now().date()
        day = min({*known, today - timedelta(days=_LOOKED_BACK_DAYS)})
        while day <= today:
            if day not in known and storage.exists(kept_name(day)):
                self.faults.append(f"{day} is missing")
            day += timedelta(days=1)

    def _check_day(self, day: AuditDay, head: bytes, number: int) -> None:
        try:
            is_sealed = hmac.compare_digest(bytes(day.mac), audit_chain.seal_of_day(day))
        except KeyError:
            is_sealed = False
        if not is_sealed:
            self.faults.append(f"{day} was altered")
        if bytes(day.before) != head or day.first_number != number:
            self.faults.append(f"{day} does not follow the day before it")
        try:
            with storage.opened(kept_name(day.day)) as file:
                kept = file.read()
        except NotThere:
            if _must_be_copied(day):
                self.faults.append(f"of {day} nothing is kept elsewhere")
            return
        if kept != kept_copy(day):
            self.faults.append(f"{day} is not what was kept of it elsewhere")

    def _check_rows_of(self, day: AuditDay) -> None:
        head, expected = bytes(day.before), day.first_number
        end = day.first_number + day.count
        numbered = AuditEntry.objects.filter(number__gte=day.first_number, number__lt=end).order_by("number")
        for row in _rows(numbered):
            number = row["number"]
            self._check_row(row, f"row {number}")
            self._rows += 1
            if day.removed_at is not None:
                continue  # its rows go: what is still there stands for itself
            if number != expected:
                self.faults.append(f"{day}: rows {expected} to {number - 1} are missing")
            else:
                self._check_link(row, head)
            head, expected = bytes(row["mac"] or b""), number + 1
        if day.removed_at is not None:
            return
        if expected != end:
            self.faults.append(f"{day}: rows {expected} to {end - 1} are missing")
        elif head != bytes(day.head):
            self.faults.append(f"{day}: its last row is not its head")

    def _check_link(self, row: Mapping[str, Any], head: bytes) -> None:
        try:
            link = audit_chain.link_of(head, row["number"], row["id"], bytes(row["digest"]), row["key_id"])
        except KeyError:
            link = b""
        if not hmac.compare_digest(link, bytes(row["mac"] or b"")):
            self.faults.append(f"row {row['number']} does not follow the row before it")

    def _check_row(self, row: Mapping[str, Any], name: str) -> None:
        if row["salt"] is None:
            self._erased.append(row["id"])
        if not _is_whole(row):
            self.faults.append(f"{name} was altered")


def _is_whole(row: Mapping[str, Any]) -> bool:
    commitment = bytes(row["commitment"])
    try:
        digest = audit_chain.digest_of(row, commitment, row["key_id"])
    except KeyError:
        return False
    if not hmac.compare_digest(bytes(row["digest"]), digest):
        return False
    if row["salt"] is None:
        return row["address"] is None and row["changes"] == {} and row["reason"] == ""
    return audit_chain.commitment_of(row, bytes(row["salt"])) == commitment


def _must_be_copied(day: AuditDay) -> bool:
    """Whether a day is over, and nobody is about to make its copy. How long that may take is told by the day that began
    then, which is sealed: messages can be made to look young.
    """
    after = AuditDay.objects.filter(day__gt=day.day).order_by("day").first()
    if after is None:
        return False
    if after.day < timezone.now().date() - _COPIED_WITHIN:
        return True
    return not OutboxMessage.objects.filter(dedup_key=audit_chain.keeping(day.day), due_at__isnull=False).exists()


def _days() -> Iterator[AuditDay]:
    day = AuditDay.objects.order_by("day").first()
    while day is not None:
        yield day
        day = AuditDay.objects.filter(day__gt=day.day).order_by("day").first()


def _rows(rows: Any) -> Iterator[Mapping[str, Any]]:
    return iter(rows.values(*COLUMNS).iterator(chunk_size=_READ_AT_ONCE))


def kept_name(day: date) -> str:
    return f"audit/{day}.json"


def kept_copy(day: AuditDay) -> bytes:
    """What leaves the database of a day that is over."""
    facts = {"first_number": day.first_number, "count": day.count, "head": bytes(day.head).hex()}
    return orjson.dumps({"day": str(day), **facts})
