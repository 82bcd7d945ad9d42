"""Reading people. A person sees themselves; others appear by their username only; staff see everybody (at the end)."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from api.exceptions import NotThere, SignInRequired
from api.models import NOTIFICATION_CHANNELS, NOTIFICATION_TOPICS, User
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import avatars
from api.platform.callers import Caller
from api.platform.ids import as_uuid
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.search import prefix_range
from api.platform.statements import Rows, statement

_PROFILE_COLUMNS = (
    "id",
    "email",
    "username",
    "first_name",
    "last_name",
    "phone_number",
    "birth_date",
    "location",
    "about",
    "avatar",
    "preferred_language",
    "preferred_theme",
    "time_zone",
    "notification_preferences",
    "has_finished_onboarding",
    "is_email_confirmed",
    "is_guest",
    "is_staff",
    "date_joined",
    "version",
    "updated_at",
)


def own_profile(caller: Caller) -> dict[str, Any]:
    """The caller's own profile. Raises SignInRequired, NotThere."""
    if caller.user_id is None:
        raise SignInRequired
    return profile(caller.user_id)


def profile(user_id: uuid.UUID) -> dict[str, Any]:
    """A person as they see themselves. Raises NotThere."""
    row = _person(user_id).first()
    if row is None:
        raise NotThere
    row["avatar"] = avatars.addresses_of(row["avatar"])
    row["notification_preferences"] = _complete(row["notification_preferences"])
    return row


@statement
def _person(user_id: Any) -> Rows:
    return User.objects.filter(id=user_id).values(*_PROFILE_COLUMNS)


PREFERENCES = ("notification_preferences", "preferred_language", "preferred_theme", "time_zone", "version")


def own_preferences(caller: Caller) -> dict[str, Any]:
    """What the caller has chosen about language, looks, and what to be told. Raises SignInRequired, NotThere."""
    found = own_profile(caller)
    return {name: found[name] for name in PREFERENCES}


def _complete(chosen: Mapping[str, Mapping[str, bool]]) -> dict[str, dict[str, bool]]:
    """Every preference: what was chosen, and wanted where nothing was."""
    return {
        channel: {topic: chosen.get(channel, {}).get(topic, True) for topic in NOTIFICATION_TOPICS}
        for channel in NOTIFICATION_CHANNELS
    }


# For staff: not narrowed to a caller. Only the CMS may ask.

_STAFF_LIST_COLUMNS = (
    "id",
    "username",
    "email",
    "first_name",
    "last_name",
    "is_active",
    "is_guest",
    "is_staff",
    "is_superuser",
    "is_email_confirmed",
    "created_at",
    "last_login",
    "deleted_at",
)
_STAFF_COLUMNS = (
    *_STAFF_LIST_COLUMNS,
    "phone_number",
    "location",
    "preferred_language",
    "time_zone",
    "avatar",
    "version",
    "updated_at",
)


# Status -> what it asks of a person; each has an index that brings them in the order of the list.
_PEOPLE_STATUSES = {
    "": Q(),
    "active": Q(is_active=True),
    "deactivated": Q(is_active=False),
    "guest": Q(is_guest=True),
    "staff": Q(is_staff=True),
    "deleted": Q(deleted_at__isnull=False),
}
PEOPLE_STATUSES = tuple(_PEOPLE_STATUSES)[1:]
_LOOKED_THROUGH = 1000


def people_for_staff(*, status: str = "", cursor: Cursor | None, limit: int) -> Page:
    """A page of all people, or of those of one of PEOPLE_STATUSES, newest first (those who were deleted, by when)."""
    rows = User.objects.filter(_PEOPLE_STATUSES[status]).values(*_STAFF_LIST_COLUMNS)
    moment = "deleted_at" if status == "deleted" else "created_at"
    page = page_of(rows, order=[Order(moment, True), Order("id", True)], cursor=cursor, limit=limit)
    return page._replace(rows=[_with_status(row) for row in page.rows])


def people_named_for_staff(text: str, *, status: str = "", limit: int) -> list[dict[str, Any]]:
    """Up to `limit` people whose address, and as many whose username, begins with `text`; or the one with this id. Of a
    status, those among the first thousand.
    """
    key = as_uuid(text.lower())
    if key is not None:
        rows = User.objects.filter(_PEOPLE_STATUSES[status], id=key).values(*_STAFF_LIST_COLUMNS)
        return [_with_status(row) for row in rows]
    rows = User.objects.values(*_STAFF_LIST_COLUMNS)
    most = max(_LOOKED_THROUGH, limit) if status else limit  # no index knows both
    first, behind = prefix_range(identity_of(text))
    if len(behind.encode()) > IDENTITY_MAX_BYTES:
        return []
    # One after the other: each is a range of its own index, which OR would not be.
    by_email = rows.filter(email_identity__gte=first, email_identity__lt=behind).order_by("email_identity")
    by_username = rows.filter(username_identity__gte=first, username_identity__lt=behind).order_by("username_identity")
    parts = [[_with_status(row) for row in part[:most]] for part in (by_email, by_username)]
    fitting = ([row for row in part if not status or status in row["status"].split()][:limit] for part in parts)
    return list({row["id"]: row for part in fitting for row in part}.values())


def people_by_phone_for_staff(number: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` people with a telephone number, which is in E.164."""
    rows = User.objects.filter(phone_number=number).order_by("id").values(*_STAFF_LIST_COLUMNS)[:limit]
    return [_with_status(row) for row in rows]


def _with_status(row: dict[str, Any]) -> dict[str, Any]:
    """A row with `status`, in words for a table."""
    words = {
        "active": row["is_active"],
        "deactivated": not row["is_active"],
        "superuser": row["is_superuser"],
        "staff": row["is_staff"],
        "guest": row["is_guest"],
        "deleted": row["deleted_at"] is not None,
    }
    return {**row, "status": " ".join(word for word, is_so in words.items() if is_so)}


def person_for_staff(user_id: uuid.UUID) -> dict[str, Any]:
    """Raises NotThere."""
    row: dict[str, Any] | None = User.objects.filter(id=user_id).values(*_STAFF_COLUMNS).first()
    if row is None:
        raise NotThere
    grace = timedelta(days=settings.ERASURE_GRACE_DAYS)
    is_waiting = row["deleted_at"] is not None and (row["is_active"] or row["email"] is not None)
    row["avatar"] = avatars.addresses_of(row["avatar"])
    return {**row, "restorable_until": row["deleted_at"] + grace if is_waiting else None}


def usernames_for_staff(user_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The usernames of people by their ids; whoever is gone is left out."""
    return dict(User.objects.filter(id__in=user_ids).values_list("id", "username"))
