"""Background work that keeps the stores small, and the examples of jobs."""

from api.apis.jobs import services
from api.platform import jobs, outbox


@outbox.task("jobs.sweep")
def sweep() -> None:
    """Deletes nonces, limits, counters and finished messages that say nothing any more."""
    services.forget_expired()


@outbox.task("jobs.sweep_media")
def sweep_media() -> None:
    """Begins a job that compares the storage with the rows; that may take long."""
    jobs.begin_upkeep("jobs.audit_media")


@outbox.task("jobs.audit_media", job_limit_seconds=4 * 3600)
def audit_media(job_id: str) -> dict[str, int]:
    """Deletes objects that no row has named for a week, and says what rows name that is not there."""
    return services.audit_media()


@outbox.task("jobs.check_places")
def check_places() -> None:
    """Says so when the database of places is old."""
    services.check_places()


@outbox.task("jobs.add")
def add(job_id: str, x: int, y: int) -> dict[str, int]:
    """Adds two numbers."""
    return {"sum": x + y}


@outbox.task("jobs.long_running")
def long_running(job_id: str, seconds: int) -> dict[str, int]:
    """Takes its time, and can be called off meanwhile."""
    return services.run_long(job_id, seconds=seconds)


@outbox.task("jobs.process_data")
def process_data(job_id: str, data: list[int]) -> dict[str, int]:
    """Says something about some numbers."""
    return {"count": len(data), "sum": sum(data), "minimum": min(data), "maximum": max(data)}
