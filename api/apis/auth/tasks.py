"""Background work of sessions."""

from api.apis.auth import services
from api.platform import outbox, revocation


@outbox.task("auth.publish_revocations")
def publish_revocations(session_ids: list[str]) -> None:
    """Writes the marks of ended sessions, in case the process that ended them died before it did."""
    revocation.publish(session_ids)


@outbox.task("auth.sweep")
def sweep() -> None:
    """Ends sessions that were superseded long ago, forgets those that ended long ago, and old counts of failures."""
    for step in (services.end_superseded, services.forget_ended_sessions, services.forget_old_failures):
        while step():
            pass
