"""Background work that keeps the stores small."""

from api.apis.jobs import services
from api.platform import outbox


@outbox.task("jobs.sweep")
def sweep() -> None:
    """Deletes nonces, limits, counters and finished messages that say nothing any more."""
    services.forget_expired()
