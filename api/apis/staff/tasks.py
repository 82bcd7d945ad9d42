"""Background work for staff."""

from api.apis.staff import services
from api.platform import outbox


@outbox.task("staff.roll_up")
def roll_up() -> None:
    """Adds up the numbers of the dashboard."""
    services.roll_up()
