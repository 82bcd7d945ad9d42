"""Background work of people."""

import uuid

from api.apis.users import services
from api.platform import outbox


@outbox.task("users.discard_avatar")
def discard_avatar(user_id: str, name: str) -> None:
    """Deletes the pictures of an avatar that was replaced, removed, or never became one."""
    services.discard_avatar(user_id=uuid.UUID(user_id), name=name)
