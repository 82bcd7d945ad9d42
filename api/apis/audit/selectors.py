"""Reading the audit trail, for staff: nothing here is narrowed to a caller, and only the CMS may ask."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from api.models import AuditEntry, User
from api.platform.ids import as_uuid

_COLUMNS = ("id", "at", "action", "outcome", "channel", "actor_kind", "actor_id", "address", "changes", "reason")
_SIGN_IN_FAILURES = ("auth.sign_in_failed", "staff.sign_in_failed")


def latest_entries_for_staff(
    *, target_kind: str, target_id: uuid.UUID, session_ids: Iterable[uuid.UUID] = (), limit: int
) -> list[dict[str, Any]]:
    """The last entries about a thing and about the few sessions that are named, and of what it did itself, newest first.

    `changes` becomes a list of (field, before, after); `actor_name` is the username of an actor who is a person.
    """
    about = AuditEntry.objects.filter(target_kind=target_kind, target_id=str(target_id))
    sessions = AuditEntry.objects.filter(target_kind="session", target_id__in=[str(key) for key in session_ids])
    by = AuditEntry.objects.filter(actor_id=str(target_id))
    # One after the other: each is a range of an index, which OR would not be.
    parts = (rows.order_by("-id").values(*_COLUMNS)[:limit] for rows in (about, sessions, by))
    found = {row["id"]: row for part in parts for row in part}
    latest = [found[key] for key in sorted(found, reverse=True)[:limit]]
    names = _usernames({row["actor_id"] for row in latest})
    for row in latest:
        row["actor_name"] = names.get(row["actor_id"], "")
        row["changes"] = [(field, *change) for field, change in row["changes"].items()]
    return latest


def _usernames(actor_ids: set[str]) -> dict[str, str]:
    people = User.objects.filter(id__in=[key for actor_id in actor_ids if (key := as_uuid(actor_id))])
    return {str(key): username for key, username in people.values_list("id", "username")}


def number_of_sign_in_failures_for_staff(*, since: datetime, most: int) -> int:
    """How many sign-ins were refused, of people and of staff, counted up to `most`."""
    return AuditEntry.objects.filter(at__gte=since, action__in=_SIGN_IN_FAILURES)[:most].count()
