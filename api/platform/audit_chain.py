"""What makes the audit trail tell of tampering: each row is keyed to its contents, and chained to the one before.

Writers only commit to what they write, so they wait for nobody. Numbers and links are given a moment later, in batches,
by `seal`; until then a row that is removed leaves no gap. A day's head leaves the database when the day is over.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from api.models import AuditDay, AuditEntry, Outcome
from api.platform import outbox
from api.platform.keys import derive, ring
from api.platform.transactions import transactional

log = structlog.get_logger(__name__)

PERSONAL = ("address", "changes", "reason")
_PUBLIC = (
    "at",
    "action",
    "outcome",
    "channel",
    "actor_kind",
    "actor_id",
    "on_behalf_of",
    "organization_id",
    "target_kind",
    "target_id",
    "device_id",
    "request_id",
    "times",
)
# What a row is verified by.
COLUMNS = ("id", *_PUBLIC, *PERSONAL, "key_id", "salt", "commitment", "digest", "number", "mac")
BEGINNING = bytes(32)  # what the first row of all is chained to
ERASED = "audit.erased"  # the action of a row that tells which rows were erased


# What a new row says where its writer says nothing.
_UNSAID: Mapping[str, Any] = {
    "outcome": Outcome.SUCCESS,
    "actor_id": "",
    "on_behalf_of": "",
    "organization_id": None,
    "target_id": "",
    "address": None,
    "device_id": None,
    "request_id": "",
    "changes": {},
    "reason": "",
    "times": 1,
    "number": None,
    "mac": None,
}


def committed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a new AuditEntry that says `facts`, with its digests."""
    row = {**_UNSAID, **facts, "key_id": ring(settings.FIELD_KEYS).current, "salt": os.urandom(16)}
    row["commitment"] = commitment_of(row, row["salt"])
    row["digest"] = digest_of(row, row["commitment"], row["key_id"])
    return row


def commitment_of(row: Mapping[str, Any], salt: bytes) -> bytes:
    """What stands for the personal members of a row."""
    return hashlib.sha256(salt + _canonical([row[column] for column in PERSONAL])).digest()


def digest_of(row: Mapping[str, Any], commitment: bytes, key_id: str) -> bytes:
    """What ties the members of a row together. Raises KeyError when the key has left the ring."""
    return _keyed(key_id, b"row", _canonical([row[column] for column in _PUBLIC]) + commitment)


def link_of(before: bytes, number: int, row_id: int, digest: bytes, key_id: str) -> bytes:
    """What ties a row to the one before, and to its id, which it has only once it is written. Raises KeyError."""
    return _keyed(key_id, b"link", before + number.to_bytes(8) + row_id.to_bytes(8, signed=True) + digest)


def seal_of_day(day: AuditDay) -> bytes:
    """What ties the members of a day together. Raises KeyError."""
    facts = [day.day, day.first_number, day.count, day.removed_at is not None]
    return _keyed(day.key_id, b"day", _canonical(facts) + bytes(day.before) + bytes(day.head))


def _keyed(key_id: str, purpose: bytes, message: bytes) -> bytes:
    return hmac.digest(_key(settings.FIELD_KEYS, key_id), purpose + b"|" + message, "sha256")


_keys: dict[tuple[str, str], bytes] = {}


def _key(text: str, key_id: str) -> bytes:
    if (text, key_id) not in _keys:
        _keys[text, key_id] = derive(ring(text).keys[key_id], info=b"handset/v1|audit")
    return _keys[text, key_id]


def _canonical(values: Any) -> bytes:
    """The same bytes whatever a database has made of the spelling: 1e2, 100.0 and 100 are one number."""
    return orjson.dumps(_plain(values), option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return str(value)
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case bool() | None:
            return value
        case float() | int():
            return str(int(value) if value == int(value) else value)
        case datetime():
            return value.isoformat(timespec="microseconds")
        case _:
            return str(value)


_SEALED_BY_ONE_STATEMENT = 100


@transactional
def seal(*, most: int = 1000) -> int:
    """Numbers and chains up to `most` rows that have no number yet, oldest first; returns how many."""
    pending = AuditEntry.objects.filter(number=None).order_by("id")
    if not pending.exists():
        return 0
    day = _locked_day(timezone.now().date())
    number, head = day.first_number + day.count, bytes(day.head)
    links = []
    for key, digest, key_id in pending.values_list("id", "digest", "key_id")[:most]:
        # A row without a known key was not written by us: it is chained all the same, and found when it is verified.
        used = key_id if key_id in ring(settings.FIELD_KEYS).keys else day.key_id
        head = link_of(head, number, key, bytes(digest), used)
        links.append((number, head, key))
        number += 1
    for start in range(0, len(links), _SEALED_BY_ONE_STATEMENT):
        _write_links(links[start : start + _SEALED_BY_ONE_STATEMENT])
    day.count, day.head = day.count + len(links), head
    _store(day)
    log.info("audit.sealed", day=str(day.day), number=number - 1, head=head.hex())
    return len(links)


def _write_links(links: Sequence[tuple[int, bytes, int]]) -> None:
    """Gives rows their (number, link), by one statement: a statement a row is what sealing would cost most."""
    cases = " ".join(["WHEN %s THEN %s"] * len(links))
    keys = ", ".join(["%s"] * len(links))
    sql = f"UPDATE audit_entry SET number = CASE id {cases} END, mac = CASE id {cases} END WHERE id IN ({keys})"  # noqa: S608 -- placeholders only
    numbers = [value for number, _, key in links for value in (key, number)]
    macs = [value for _, mac, key in links for value in (key, mac)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*numbers, *macs, *(key for *_, key in links)])


def _locked_day(today: date) -> AuditDay:
    """Today, begun if it has not been; locked, as the end of the chain is there. Part of the caller's transaction."""
    while True:
        last = AuditDay.objects.select_for_update().order_by("-day").first()
        if last is not None and AuditDay.objects.filter(day__gt=last.day).exists():
            continue  # while we waited for the last day, somebody has begun another one
        if last is not None and last.day >= today:
            return last
        day = _day_after(last, today)
        try:
            with transaction.atomic():
                day.save(force_insert=True)
        except IntegrityError:
            continue  # the very first one, for which there is nothing to lock, was begun by somebody else
        if last is not None:
            log.info("audit.day_closed", day=str(last.day), count=last.count, head=bytes(last.head).hex())
            outbox.enqueue("audit.keep_day", {"day": str(last.day)}, dedup_key=keeping(last.day))
        return day


def keeping(day: date) -> str:
    """By what the message is known that has a closed day's copy made."""
    return f"audit-day:{day}"


def _day_after(last: AuditDay | None, today: date) -> AuditDay:
    head = bytes(last.head) if last else BEGINNING
    first = last.first_number + last.count if last else 1
    key_id = ring(settings.FIELD_KEYS).current
    day = AuditDay(day=today, first_number=first, count=0, before=head, head=head, key_id=key_id)
    day.mac = seal_of_day(day)
    return day


def _store(day: AuditDay) -> None:
    day.key_id = ring(settings.FIELD_KEYS).current
    day.mac = seal_of_day(day)
    day.save()


@transactional
def remove_day(day: date, *, most: int = 5000) -> int:
    """Removes up to `most` rows of a closed day, which keeps its place in the chain; returns how many."""
    gone = AuditDay.objects.select_for_update().get(day=day)
    if gone.removed_at is None:
        gone.removed_at = timezone.now()
        _store(gone)
    numbers = {"number__gte": gone.first_number, "number__lt": gone.first_number + gone.count}
    ids = list(AuditEntry.objects.filter(**numbers).order_by("number").values_list("id", flat=True)[:most])
    return AuditEntry.objects.filter(id__in=ids).delete()[0]


def erase_personal(ids: Iterable[int]) -> list[int]:
    """Erases what is personal of rows, which then still stand in the chain; returns which it was. Part of the caller's
    transaction, which records them.
    """
    rows = AuditEntry.objects.select_for_update().filter(id__in=list(ids), salt__isnull=False)
    erased = list(rows.order_by("id").values_list("id", flat=True))
    AuditEntry.objects.filter(id__in=erased).update(address=None, changes={}, reason="", salt=None)
    return erased


def spelled(ids: Sequence[int]) -> str:
    """Ascending ids as a row tells of them: `3-7,9`."""
    parts: list[list[int]] = []
    for each in ids:
        if parts and each == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], each]
        else:
            parts.append([each])
    return ",".join("-".join(map(str, part)) for part in parts)


def spans_of(spelling: str) -> list[tuple[int, int]]:
    """The first and last of each run of ids that `spelled` has put together."""
    runs = (run.split("-") for run in spelling.split(","))
    return [(int(run[0]), int(run[-1])) for run in runs]
