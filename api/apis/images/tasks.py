"""Background work of images."""

from api.apis.images import services
from api.platform import outbox


@outbox.task("images.discard")
def discard(name: str) -> None:
    """Deletes the objects of an image that was deleted, or never became one."""
    services.discard_image(name=name)
