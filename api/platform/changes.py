"""The organization's count of changes, which everything that devices keep copies of carries.

A service locks the organization first, finds out whether anything changes, and then moves the count. The lock is held
until the transaction ends, so counts become visible in their order.
"""

import uuid

from api.models import Organization


def lock(organization_id: uuid.UUID) -> int:
    """Locks the organization's row and returns its count."""
    rows = Organization.objects.select_for_update().filter(id=organization_id)
    return rows.values_list("change_seq", flat=True).get()


def move(organization_id: uuid.UUID, *, after: int) -> int:
    """Moves the count on from `after`, which `lock` returned; the new value belongs to the changed row."""
    Organization.objects.filter(id=organization_id).update(change_seq=after + 1)
    return after + 1
