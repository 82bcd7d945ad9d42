"""Background work that keeps the stores small, and the examples of jobs."""

from api.apis.jobs import services
from api.platform import outbox


@outbox.task("jobs.sweep")
def sweep() -> None:
    """Deletes nonces, limits, counters and finished messages that say nothing any more."""
    services.forget_expired()


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
