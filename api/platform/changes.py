"""The organization's count of changes, which everything that devices keep copies of carries.

A service locks the organization first, finds out whether anything changes, and then moves the count; or does both at
once where it knows. The lock is held until the transaction ends, so counts become visible in their order.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import DatabaseError, connection, connections

from api.exceptions import NotThere
from api.models import Organization, User
from api.platform import replicas
from api.platform.callers import Caller
from api.platform.statements import Rows, statement
from api.platform.tokens import TokenRevoked

log = structlog.get_logger(__name__)


def counts_of(organization_ids: Sequence[uuid.UUID]) -> list[tuple[uuid.UUID, int]]:
    """The count of each organization, always in the same order."""
    return sorted((row["id"], row["change_seq"]) for row in _counts(organization_ids).rows())


@statement
def _counts(organization_ids: Sequence[Any]) -> Rows:
    return Organization.objects.filter(id__in=organization_ids).values("id", "change_seq")


@contextmanager
def on_replica(organization_ids: Sequence[uuid.UUID]) -> Iterator[None]:
    """Reads from the replica in the block, if there is one and it knows all changes of these organizations that the
    primary knows now: whoever has written reads what they wrote, and an entity tag that was made before fits.
    """
    if not (replicas.is_configured() and _has_caught_up(organization_ids)):
        yield
        return
    with replicas.reading():
        yield


def _has_caught_up(organization_ids: Sequence[uuid.UUID]) -> bool:
    """Whether the replica is as new as the primary; one that cannot be asked is not."""
    wanted = counts_of(organization_ids)
    try:
        with replicas.reading():
            there = counts_of(organization_ids)
    except DatabaseError as error:
        log.warning("replica.unavailable", error=type(error).__name__)
        connections[replicas.REPLICA].close()
        return False
    return len(there) == len(wanted) and all(mine[1] >= theirs[1] for mine, theirs in zip(there, wanted, strict=True))


def advance(organization_id: uuid.UUID) -> int:
    """Locks the organization and moves its count at once, for what changes in any case; the value is the changed row's.

    Raises NotThere once the organization is deleted.
    """
    key = Organization._meta.pk.get_db_prep_value(organization_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE[connection.vendor], [key])
        found = [cursor.lastrowid] if connection.vendor == "mysql" else cursor.fetchone()
    if not found or not found[0]:
        raise NotThere
    count: int = found[0]
    return count


_RETURNING = (
    'UPDATE "organization" SET change_seq = change_seq + 1 WHERE id = %s AND deleted_at IS NULL RETURNING change_seq'
)
_ADVANCE = {
    # It answers no rows from an UPDATE, but what LAST_INSERT_ID was given there.
    "mysql": "UPDATE `organization` SET change_seq = LAST_INSERT_ID(change_seq + 1) WHERE id = %s AND deleted_at IS NULL",
    "postgresql": _RETURNING,
    "sqlite": _RETURNING,
}


def lock(organization_id: uuid.UUID) -> int:
    """Locks the organization's row and returns its count. Raises NotThere once the organization is deleted."""
    row = _locked(organization_id).first()
    if row is None:
        raise NotThere
    count: int = row["change_seq"]
    return count


def require_not_taken_up(caller: Caller) -> None:
    """To be asked once the organization is locked: a guest whom an account has taken up while the call was under way has
    no organization any more, and a new session to come again with. Raises TokenRevoked.
    """
    if caller.is_guest and caller.user_id and User.objects.filter(id=caller.user_id).exclude(merged_into=None).exists():
        raise TokenRevoked


@statement
def _locked(organization_id: Any) -> Rows:
    return Organization.objects.select_for_update().filter(id=organization_id, deleted_at=None).values("change_seq")


def move(organization_id: uuid.UUID, *, after: int) -> int:
    """Moves the count on from `after`, which `lock` returned; the new value belongs to the changed row."""
    Organization.objects.filter(id=organization_id).update(change_seq=after + 1)
    return after + 1
