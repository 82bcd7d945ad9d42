"""Reading background work, for staff: nothing here is narrowed to a caller, and only the CMS may ask."""

from typing import NamedTuple

from api.models import OutboxMessage


class OutboxNumbers(NamedTuple):
    waiting: int  # also those that will be tried again
    failed: int  # given up


def outbox_numbers_for_staff(*, most: int) -> OutboxNumbers:
    """How many messages are where, counted up to `most`."""
    unfinished = OutboxMessage.objects.filter(done_at=None)
    return OutboxNumbers(
        waiting=unfinished.filter(due_at__isnull=False)[:most].count(),
        failed=unfinished.filter(failed_at__isnull=False)[:most].count(),
    )
