"""Reading people. A person sees themselves; others appear by their username only."""

import uuid
from collections.abc import Mapping
from typing import Any

from api.exceptions import NotThere, SignInRequired
from api.models import NOTIFICATION_CHANNELS, NOTIFICATION_TOPICS, User
from api.platform.callers import Caller

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
    "updated_at",
)


def own_profile(caller: Caller) -> dict[str, Any]:
    """The caller's own profile. Raises SignInRequired, NotThere."""
    if caller.user_id is None:
        raise SignInRequired
    return profile(caller.user_id)


def profile(user_id: uuid.UUID) -> dict[str, Any]:
    """A person as they see themselves. Raises NotThere."""
    row = User.objects.filter(id=user_id).values(*_PROFILE_COLUMNS).first()
    if row is None:
        raise NotThere
    row["avatar"] = row["avatar"] or None
    row["notification_preferences"] = _complete(row["notification_preferences"])
    return row


def _complete(chosen: Mapping[str, Mapping[str, bool]]) -> dict[str, dict[str, bool]]:
    """Every preference: what was chosen, and wanted where nothing was."""
    return {
        channel: {topic: chosen.get(channel, {}).get(topic, True) for topic in NOTIFICATION_TOPICS}
        for channel in NOTIFICATION_CHANNELS
    }
