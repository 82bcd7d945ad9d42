"""Background work of the audit trail."""

from datetime import date

from api.apis.audit import services
from api.platform import outbox


@outbox.task("audit.seal")
def seal() -> None:
    """Numbers and chains what was written since the last time."""
    services.seal()


@outbox.task("audit.keep_day")
def keep_day(day: str) -> None:
    """Keeps a copy of a closed day's head outside of the database."""
    services.keep_day(date.fromisoformat(day))


@outbox.task("audit.sweep")
def sweep() -> None:
    """Removes what was kept long enough (AUDIT_RETENTION_DAYS)."""
    services.remove_old_days()
