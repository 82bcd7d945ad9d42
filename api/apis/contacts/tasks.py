"""Background work of contacts."""

from api.apis.contacts import services
from api.platform import outbox


@outbox.task("contacts.sweep")
def sweep() -> None:
    """Removes tombstones that every device has had time to hear of."""
    while services.forget_tombstones():
        pass
