"""The waiting list: addresses that want to hear when signing up is possible."""

from api.models import WaitingListEntry
from api.models.base import identity_of


def join_waiting_list(*, email: str) -> None:
    """Notes an address; one that is there already stays as it is, at the same cost."""
    entry = WaitingListEntry(email=email, email_identity=identity_of(email))
    WaitingListEntry.objects.bulk_create([entry], ignore_conflicts=True)
