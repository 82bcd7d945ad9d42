"""Reading people. A person sees themselves; others appear by their username only; staff see everybody (at the end)."""

import uuid
from collections.abc import Mapping
from typing import Any

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
)
_STAFF_COLUMNS = (*_STAFF_LIST_COLUMNS, "phone_number", "location", "preferred_language", "time_zone", "updated_at")


def people_for_staff(*, cursor: Cursor | None, limit: int) -> Page:
    """A page of all people, newest first."""
    rows = User.objects.values(*_STAFF_LIST_COLUMNS)
    return page_of(rows, order=[Order("created_at", True), Order("id", True)], cursor=cursor, limit=limit)


def people_named_for_staff(text: str, *, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` people whose address, and as many whose username, begins with `text`; or the one with this id."""
    rows = User.objects.values(*_STAFF_LIST_COLUMNS)
    key = as_uuid(text.lower())
    if key is not None:
        return list(rows.filter(id=key))
    first, behind = prefix_range(identity_of(text))
    if len(behind.encode()) > IDENTITY_MAX_BYTES:
        return []
    # One after the other: each is a range of its own index, which OR would not be.
    by_email = rows.filter(email_identity__gte=first, email_identity__lt=behind).order_by("email_identity")
    by_username = rows.filter(username_identity__gte=first, username_identity__lt=behind).order_by("username_identity")
    found = {row["id"]: row for part in (by_email, by_username) for row in part[:limit]}
    return list(found.values())


def person_for_staff(user_id: uuid.UUID) -> dict[str, Any]:
    """Raises NotThere."""
    row: dict[str, Any] | None = User.objects.filter(id=user_id).values(*_STAFF_COLUMNS).first()
    if row is None:
        raise NotThere
    return row


def number_of_people_for_staff(*, most: int) -> int:
    """How many people there are, guests included, counted up to `most`."""
    return User.objects.all()[:most].count()
