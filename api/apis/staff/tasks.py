"""Background work for staff."""

import uuid
from typing import Any

from api.apis.staff import services
from api.platform import outbox


@outbox.task("staff.roll_up")
def roll_up() -> None:
    """Adds up the numbers of the dashboard."""
    services.roll_up()


@outbox.task("staff.run_bulk", job_limit_seconds=4 * 3600)
def run_bulk(job_id: str, bulk_id: str) -> dict[str, Any]:
    """Does one thing to each of those whom somebody has chosen."""
    return services.run_bulk(job_id, bulk_id=uuid.UUID(bulk_id))


@outbox.task("staff.check_trail", job_limit_seconds=4 * 3600)
def check_trail(job_id: str) -> dict[str, Any]:
    """Proves that nothing in the audit trail was altered, removed or put elsewhere."""
    return services.check_trail()


@outbox.task("staff.end_everybody", job_limit_seconds=4 * 3600)
def end_everybody(job_id: str, reason: str) -> dict[str, int]:
    """Ends every session there is."""
    return services.end_everybody(job_id, reason=reason)
