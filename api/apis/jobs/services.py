"""Carrying out what is due: messages of the outbox, and the schedule's slots."""

from collections.abc import Mapping

from django.utils import timezone

from api.platform import counters, idempotency, limits, nonces, outbox

_BATCH = 20


def run_due() -> int:
    """Claims and executes what is due now; returns how many messages it took up."""
    messages = outbox.claim(most=_BATCH)
    for message in messages:
        outbox.execute(message)
    return len(messages)


def enqueue_schedule(schedule: Mapping[str, int]) -> None:
    """Writes the present slot of every scheduled task; a slot exists once, whoever writes it first."""
    now = int(timezone.now().timestamp())
    for name, seconds in schedule.items():
        outbox.enqueue(name, dedup_key=f"schedule:{name}:{now // seconds}")


def forget_expired() -> None:
    """Deletes what was kept long enough: answers to writes, messages that were done, and what the embedded default
    keeps in the place of Redis.
    """
    for forget in (
        nonces.forget_expired,
        limits.forget_expired,
        counters.forget_expired,
        idempotency.forget_answers,
        outbox.forget_done,
    ):
        while forget():
            pass
