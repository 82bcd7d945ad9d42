"""The writer of the audit trail: called by services, in the transaction of what it tells.

Guesses come in crowds. The first refusal of an account on a device in a minute is a row at once; those after it are
counted, and make one row together when the minute is over (`tell_tallies`).
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.db.models import F
from django.utils import timezone

from api.models import AuditedEvent, AuditEntry, Outcome, RefusalTally
from api.platform import audit_chain, metrics
from api.platform.callers import Caller
from api.platform.statements import insert_values
from api.platform.transactions import transactional

_FACTS = [field.attname for field in AuditedEvent._meta.fields if field.attname != "times"]
_AT_ONCE = 200  # rows of one statement


def record(
    caller: Caller,
    action: str,
    *,
    target_kind: str,
    target_id: object = "",
    organization_id: uuid.UUID | None = None,
    on_behalf_of: object = "",
    changes: dict[str, Any] | None = None,
    outcome: Outcome = Outcome.SUCCESS,
) -> None:
    """Adds one row. `changes` maps fields to [before, after]; secrets and the contents of messages never go in."""
    facts = _circumstances(caller, action, target_kind, target_id, changes)
    facts |= {"outcome": outcome, "organization_id": organization_id, "on_behalf_of": str(on_behalf_of)}
    _add([facts])
    metrics.EVENTS.labels(action, str(outcome)).inc()


def record_each(
    caller: Caller,
    action: str,
    *,
    target_kind: str,
    organization_id: uuid.UUID,
    changes: Mapping[uuid.UUID, dict[str, Any]],
) -> None:
    """Adds a row for each of many objects of an organization, by their ids; the rows of some hundred are one statement."""
    told = (_circumstances(caller, action, target_kind, target_id, each) for target_id, each in changes.items())
    _add([facts | {"organization_id": organization_id} for facts in told])
    metrics.EVENTS.labels(action, str(Outcome.SUCCESS)).inc(len(changes))


@transactional
def record_refusal(
    caller: Caller,
    action: str,
    *,
    target_kind: str,
    target_id: object = "",
    account: bytes = b"",
    changes: dict[str, Any] | None = None,
) -> None:
    """Adds one row for the first refusal of a minute, and counts those that are like it.

    `account` is a digest of what was named, where that may be nobody's: what is written must not tell whether it is.
    """
    facts = _circumstances(caller, action, target_kind, target_id, changes) | {"outcome": Outcome.REFUSED}
    minute = _minute_of(facts["at"])
    tally = RefusalTally.objects.filter(key=_tally_key(facts, minute, account))
    last = {name: facts[name] for name in ("at", "address", "request_id")}
    # A minute that is told of meanwhile begins anew: nothing is lost, there is one more row.
    while not tally.update(times=F("times") + 1, **last):
        new = RefusalTally(key=_tally_key(facts, minute, account), minute_at=minute, **facts)
        _begin(new)
    if tally.values_list("times", flat=True).get() == 1:
        _add([facts])
    metrics.EVENTS.labels(action, str(Outcome.REFUSED)).inc()


def _begin(tally: RefusalTally) -> None:
    """Stores a count that is at zero, or locks the one that is there as a change of it does. On MySQL to ignore that it is
    there is to share its lock with whoever else meets it, and none of them may count then: a deadlock.
    """
    unique = ["key"] if connection.features.supports_update_conflicts_with_target else None
    RefusalTally.objects.bulk_create([tally], update_conflicts=True, update_fields=["minute_at"], unique_fields=unique)


@transactional
def tell_tallies(*, most: int = 200) -> int:
    """Writes the rows of up to `most` minutes that are over, and forgets their counts; returns how many there were."""
    over = RefusalTally.objects.filter(minute_at__lt=_minute_of(timezone.now()))
    keys = list(over.order_by("minute_at").values_list("key", flat=True)[:most])
    # Under their locks: whoever counts at this moment has been counted, or begins anew.
    tallies = list(RefusalTally.objects.select_for_update().filter(key__in=keys).order_by("key"))
    rest = [
        {name: getattr(tally, name) for name in _FACTS} | {"times": tally.times - 1}
        for tally in sorted(tallies, key=lambda tally: tally.at)
        if tally.times > 1
    ]
    _add(rest)
    RefusalTally.objects.filter(key__in=[tally.key for tally in tallies]).delete()
    return len(keys)


def forget_refusals_of(user_id: uuid.UUID) -> None:
    """Takes from where they came out of the counts about a person, as `audit_chain.erase_personal` does from rows."""
    RefusalTally.objects.filter(target_id=str(user_id)).update(address=None, changes={}, reason="")
    RefusalTally.objects.filter(actor_id=str(user_id)).update(address=None, changes={}, reason="")


def _circumstances(
    caller: Caller, action: str, target_kind: str, target_id: object, changes: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "at": timezone.now(),
        "action": action,
        "channel": caller.channel,
        "actor_kind": caller.kind,
        "actor_id": caller.actor_id,
        "target_kind": target_kind,
        "target_id": str(target_id),
        "address": caller.address,
        "device_id": caller.device_id,
        "request_id": caller.request_id,
        "changes": changes or {},
        "reason": caller.reason,
    }


def _add(entries: Sequence[Mapping[str, Any]]) -> None:
    rows = [audit_chain.committed(facts) for facts in entries]
    for first in range(0, len(rows), _AT_ONCE):
        insert_values(AuditEntry, rows[first : first + _AT_ONCE])


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _tally_key(facts: dict[str, Any], minute: datetime, account: bytes) -> bytes:
    """What makes refusals alike: the account and the device, or the address where there is no device."""
    named = ("action", "channel", "actor_kind", "actor_id", "target_kind", "target_id", "changes")
    where = facts["device_id"] or facts["address"]
    alike = [minute, account.hex(), str(where), *(facts[name] for name in named)]
    return hashlib.sha256(orjson.dumps(alike, option=orjson.OPT_SORT_KEYS)).digest()
