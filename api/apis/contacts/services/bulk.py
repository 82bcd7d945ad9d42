"""Many changes in one call: each is whole or not at all, whatever becomes of the others."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from api.apis.contacts.services.changing import create_contact, delete_contact, update_contact
from api.exceptions import ApiError
from api.platform.callers import Caller
from api.platform.transactions import transactional

CHANGES_AT_ONCE = 500
_IN_ONE_TRANSACTION = 50  # a commit each would take as long as all the rest; nobody waits long for these either


class Change(NamedTuple):
    """`op` is create, update or delete; `name`, a slug or UUID, says what is updated or deleted."""

    op: str
    name: str
    values: Mapping[str, Any]
    primaries: Mapping[str, str]
    organization: str | None = None
    contact_id: uuid.UUID | None = None
    expected: Collection[int] | None = None


class Outcome(NamedTuple):
    """What became of a change: a status with the contact's id, or the refusal."""

    status: HTTPStatus
    contact_id: uuid.UUID | None = None
    refusal: ApiError | None = None


def change_many(caller: Caller, changes: Sequence[Change | ApiError]) -> list[Outcome]:
    """Carries changes out in their order; a refusal in their midst stays one. Raises nothing of its own: what is refused is
    among the outcomes.
    """
    outcomes: list[Outcome] = []
    for first in range(0, len(changes), _IN_ONE_TRANSACTION):
        outcomes += _changed(caller, changes[first : first + _IN_ONE_TRANSACTION])
    return outcomes


@transactional
def _changed(caller: Caller, changes: Sequence[Change | ApiError]) -> list[Outcome]:
    return [_outcome(caller, change) for change in changes]


def _outcome(caller: Caller, change: Change | ApiError) -> Outcome:
    try:
        if isinstance(change, ApiError):
            raise change
        return _carried_out(caller, change)
    except ApiError as refusal:  # an answer among others, and each service has undone its own
        return Outcome(refusal.status, refusal=refusal)


def _carried_out(caller: Caller, change: Change) -> Outcome:
    given: Any = {"values": change.values, "primaries": change.primaries}
    if change.op == "create":
        place: Any = {"organization": change.organization, "contact_id": change.contact_id}
        contact_id, is_new = create_contact(caller, **place, **given)
        return Outcome(HTTPStatus.CREATED if is_new else HTTPStatus.OK, contact_id)
    if change.op == "update":
        return Outcome(HTTPStatus.OK, update_contact(caller, name=change.name, expected=change.expected, **given))
    delete_contact(caller, name=change.name, expected=change.expected)
    return Outcome(HTTPStatus.NO_CONTENT)
