"""Keeping the audit trail: numbering it, keeping a copy of each day's head elsewhere, removing it by days, erasing."""

import uuid
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from api.models import AuditDay, AuditEntry
from api.platform import audit, audit_chain, storage
from api.platform.audit_verification import Trail, Verified, kept_copy, kept_name
from api.platform.callers import Caller
from api.platform.transactions import transactional

_ERASED_AT_ONCE = 1000
_SEALED_AT_ONCE = 1000
_TOLD_AT_ONCE = 200
# What tells of erasures in numbers: nothing of it is personal.
_KEPT_WHOLE = (audit_chain.ERASED, "user.erased", "org.erased")


def seal() -> None:
    """Writes what was counted of the minutes that are over, and numbers what has no number yet, in full batches: what is
    written meanwhile waits for the next time.
    """
    while audit.tell_tallies(most=_TOLD_AT_ONCE) == _TOLD_AT_ONCE:
        pass
    while audit_chain.seal(most=_SEALED_AT_ONCE) == _SEALED_AT_ONCE:
        pass


def keep_day(day: date) -> None:
    """Keeps a copy of a closed day's head where files are; harmless when repeated."""
    row = AuditDay.objects.get(day=day)
    if not storage.exists(kept_name(day)):
        storage.save(kept_name(day), kept_copy(row))


def verify() -> tuple[Verified, list[str]]:
    """What was looked at, and what is wrong with it."""
    trail = Trail()
    return trail.verify(), trail.faults


def remove_old_days() -> None:
    """Removes the rows of days that were kept long enough; the days stay, so that the chain can still be verified."""
    if not settings.AUDIT_RETENTION_DAYS:
        return
    before = timezone.now().date() - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    for day in AuditDay.objects.filter(day__lt=before).order_by("day").values_list("day", flat=True):
        while audit_chain.remove_day(day):
            pass


@transactional
def erase_person(caller: Caller, *, user_id: uuid.UUID) -> int:
    """Erases what rows by, for and about a person hold of them beside ids, a thousand at a time; returns how many. Part
    of an erasure, which repeats it until there is nothing left.
    """
    audit.forget_refusals_of(user_id)
    theirs = Q(actor_id=str(user_id)) | Q(on_behalf_of=str(user_id)) | Q(target_kind="user", target_id=str(user_id))
    return _erase(caller, theirs, target_kind="user", target_id=user_id)


@transactional
def erase_organization(caller: Caller, *, organization_id: uuid.UUID) -> int:
    """The same for the rows of an organization, whoever wrote them: they name whom it knew."""
    return _erase(caller, Q(organization_id=organization_id), target_kind="organization", target_id=organization_id)


def _erase(caller: Caller, rows: Q, *, target_kind: str, target_id: uuid.UUID) -> int:
    ids = AuditEntry.objects.filter(rows, salt__isnull=False).exclude(action__in=_KEPT_WHOLE)
    erased = audit_chain.erase_personal(ids.values_list("id", flat=True)[:_ERASED_AT_ONCE])
    if erased:
        changes = {"rows": [None, len(erased)], "ids": [None, audit_chain.spelled(erased)]}
        audit.record(caller, audit_chain.ERASED, target_kind=target_kind, target_id=target_id, changes=changes)
    return len(erased)
