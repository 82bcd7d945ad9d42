"""Background work of sessions."""

from api.apis.auth import services
from api.platform import outbox, revocation


@outbox.task("auth.publish_revocations")
def publish_revocations(session_ids: list[str]) -> None:
    """Writes the marks of ended sessions, in case the process that ended them died before it did."""
    revocation.publish(session_ids)


@outbox.task("auth.sweep")
def sweep() -> None:
    """Forgets old counts of failures."""
    while services.forget_old_failures():
        pass
