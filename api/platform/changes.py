"""The organization's count of changes, which everything that devices keep copies of carries.

A service locks the organization first, finds out whether anything changes, and then moves the count; or does both at
once where it knows. The lock is held
until the transaction ends, so counts become visible in their order.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection

from api.models import Organization
from api.platform.statements import Rows, statement


def counts_of(organization_ids: Sequence[uuid.UUID]) -> list[tuple[uuid.UUID, int]]:
    """The count of each organization, always in the same order."""
    return sorted((row["id"], row["change_seq"]) for row in _counts(organization_ids).rows())


@statement
def _counts(organization_ids: Sequence[Any]) -> Rows:
    return Organization.objects.filter(id__in=organization_ids).values("id", "change_seq")


def advance(organization_id: uuid.UUID) -> int:
    """Locks the organization and moves its count at once, for what changes in any case; the value is the changed row's."""
    key = Organization._meta.pk.get_db_prep_value(organization_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE[connection.vendor], [key])
        count: int = cursor.lastrowid if connection.vendor == "mysql" else cursor.fetchone()[0]
    return count


_RETURNING = 'UPDATE "organization" SET change_seq = change_seq + 1 WHERE id = %s RETURNING change_seq'
_ADVANCE = {
    # It answers no rows from an UPDATE, but what LAST_INSERT_ID was given there.
    "mysql": "UPDATE `organization` SET change_seq = LAST_INSERT_ID(change_seq + 1) WHERE id = %s",
    "postgresql": _RETURNING,
    "sqlite": _RETURNING,
}


def lock(organization_id: uuid.UUID) -> int:
    """Locks the organization's row and returns its count."""
    (row,) = _locked(organization_id).rows()
    count: int = row["change_seq"]
    return count


@statement
def _locked(organization_id: Any) -> Rows:
    return Organization.objects.select_for_update().filter(id=organization_id).values("change_seq")


def move(organization_id: uuid.UUID, *, after: int) -> int:
    """Moves the count on from `after`, which `lock` returned; the new value belongs to the changed row."""
    Organization.objects.filter(id=organization_id).update(change_seq=after + 1)
    return after + 1
