"""Doing one thing to many: a job carries it out on each of them by the service that does it to one, whose rules hold and
whose row in the trail is written. So what staff do to many, they may do to each.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from api.apis.auth import services as auth
from api.apis.jobs import services as job_services
from api.apis.onboarding import services as onboarding
from api.exceptions import ApiError, Forbidden
from api.models import ActorKind, AuditEntry, BulkChange, Channel, User
from api.platform import audit, jobs, staff
from api.platform.callers import Caller
from api.platform.transactions import transactional

BULK_MOST = 10_000
_AT_ONCE = 20  # between two looks at whether it is still wanted, and allowed
_REFUSALS_TOLD = 20


class TooManyAtOnce(ApiError):
    """Ten thousand at once are the most: whoever means everybody has to say so more than once."""

    status = HTTPStatus.CONFLICT
    code = "too_many_at_once"
    title = "These are too many at once"
    detail = f"At most {BULK_MOST}: narrow the list."


class NothingChosen(ApiError):
    """There is nothing in the choice."""

    status = HTTPStatus.CONFLICT
    code = "nothing_chosen"
    title = "Nothing was chosen"
    detail = "Choose some rows first."


class Verb(NamedTuple):
    """What is done to each: the duty that it takes, the service, what it leaves in the trail, and what takes it back."""

    duty: str
    perform: Callable[[Caller, uuid.UUID], object]
    audited: str
    inverse: str = ""


VERBS: Mapping[str, Verb] = {
    "users.deactivate": Verb(
        "people.deactivate",
        lambda caller, key: auth.deactivate_person(caller, user_id=key),
        "user.deactivated",
        "users.reactivate",
    ),
    "users.reactivate": Verb(
        "people.deactivate",
        lambda caller, key: auth.reactivate_person(caller, user_id=key),
        "user.reactivated",
        "users.deactivate",
    ),
    "users.sign_out": Verb(
        "sessions.end", lambda caller, key: auth.sign_out_person(caller, user_id=key), "user.signed_out_by_staff"
    ),
    "devices.revoke": Verb(
        "devices.revoke", lambda caller, key: onboarding.revoke_device(caller, device_id=key), "device.revoked"
    ),
    "jobs.retry": Verb(
        "outbox.change", lambda caller, key: job_services.retry_message(caller, message_id=key), "outbox.retried"
    ),
}


@transactional
def begin_bulk(caller: Caller, *, verb: str, chosen: Sequence[uuid.UUID]) -> uuid.UUID:
    """Has a job do something to each of those chosen; returns the id of the bulk change.

    Raises Forbidden, NothingChosen, TooManyAtOnce, TooManyJobs.
    """
    staff.require(caller, VERBS[verb].duty)
    keys = list(dict.fromkeys(chosen))
    if not keys:
        raise NothingChosen
    if len(keys) > BULK_MOST:
        raise TooManyAtOnce
    assert caller.user_id is not None
    bulk = BulkChange(verb=verb, reason=caller.reason, chosen=[str(key) for key in keys], total=len(keys))
    bulk.job = jobs.begin(caller.user_id, "staff.run_bulk", {"bulk_id": str(bulk.id)}, type_=f"bulk.{verb}")
    bulk.save(force_insert=True)
    told = {"verb": [None, verb], "chosen": [None, len(keys)]}
    audit.record(caller, "staff.bulk_begun", target_kind="bulk_change", target_id=bulk.id, changes=told)
    return bulk.id


@transactional
def undo_bulk(caller: Caller, *, bulk_id: uuid.UUID) -> uuid.UUID:
    """Does the inverse to all that a bulk change has changed, as the trail tells it, and to no others; returns the id of
    that bulk change. Raises what `begin_bulk` raises.
    """
    bulk = BulkChange.objects.select_related("job").get(id=bulk_id)
    verb = VERBS[bulk.verb]
    assert verb.inverse
    return begin_bulk(caller, verb=verb.inverse, chosen=_changed_by(bulk, verb))


def _changed_by(bulk: BulkChange, verb: Verb) -> list[uuid.UUID]:
    rows = AuditEntry.objects.filter(action=verb.audited, at__gte=bulk.created_at, request_id=str(bulk.id))
    return [uuid.UUID(key) for key in rows.order_by("at").values_list("target_id", flat=True)]


@transactional
def stop_bulk(caller: Caller, *, bulk_id: uuid.UUID) -> None:
    """Stops a bulk change where it is; harmless when it has ended. Raises Forbidden."""
    bulk = BulkChange.objects.select_related("job").get(id=bulk_id)
    if bulk.job.owner_id != caller.user_id:
        staff.require(caller, "outbox.change")
    if jobs.revoke(bulk.job_id):
        told = {"done": [None, bulk.done]}
        audit.record(caller, "staff.bulk_stopped", target_kind="bulk_change", target_id=bulk.id, changes=told)


def run_bulk(job_id: str, *, bulk_id: uuid.UUID) -> dict[str, Any]:
    """Carries a bulk change out from where it has come to; what one of them refuses is told in the end.

    Raises JobRevoked, Forbidden for staff who may not any more.
    """
    bulk = BulkChange.objects.get(id=bulk_id)
    while bulk.done < bulk.total:
        jobs.report(job_id, per_cent=100 * bulk.done // bulk.total)
        _do_some(bulk, _staff_behind(bulk))
    return {"total": bulk.total, "refused": bulk.refused}


def _do_some(bulk: BulkChange, caller: Caller) -> None:
    verb, refusals = VERBS[bulk.verb], list(bulk.refusals)
    for key in bulk.chosen[bulk.done : bulk.done + _AT_ONCE]:
        try:
            verb.perform(caller, uuid.UUID(key))
        except ApiError as refusal:
            if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            bulk.refused += 1
            refusals.append({"id": key, "title": refusal.title})
    bulk.done = min(bulk.done + _AT_ONCE, bulk.total)
    bulk.refusals = refusals[:_REFUSALS_TOLD]
    bulk.save(update_fields=["done", "refused", "refusals", "updated_at"])


def _staff_behind(bulk: BulkChange) -> Caller:
    """Whoever has begun it, with what they may do now. The trail's rows carry the id of the bulk change. Raises Forbidden."""
    person = User.objects.filter(jobs=bulk.job_id, is_active=True, is_staff=True, deleted_at=None).first()
    duties = staff.duties_of(person) if person is not None else frozenset()
    if person is None or VERBS[bulk.verb].duty not in duties:
        raise Forbidden
    return Caller(
        kind=ActorKind.STAFF,
        channel=Channel.JOB,
        user_id=person.id,
        duties=duties,
        request_id=str(bulk.id),
        reason=bulk.reason,
    )
