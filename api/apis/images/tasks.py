"""Background work of images."""

import uuid
from typing import Any

from api.apis.images import services
from api.platform import outbox


@outbox.task("images.discard")
def discard(name: str) -> None:
    """Deletes the objects of an image that was deleted, or never became one."""
    services.discard_image(name=name)


@outbox.task("images.take_upload")
def take_upload(job_id: str, upload_id: str) -> dict[str, Any]:
    """Makes an image of what a client has sent to the store."""
    return services.take_upload(uuid.UUID(upload_id))


@outbox.task("images.discard_upload")
def discard_upload(upload_id: str, name: str, size_bytes: int) -> None:
    """Deletes what a client has sent to the store."""
    services.discard_upload(uuid.UUID(upload_id), name=name, size_bytes=size_bytes)


@outbox.task("images.sweep")
def sweep() -> None:
    """Deletes links to images that have expired."""
    while services.forget_expired_shares():
        pass
