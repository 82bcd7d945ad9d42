"""The figures of a made-up year, for the charts of the dashboard."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from api.models import Figure, Span

_YEAR_DAYS = 365
_HOURS = 24 * 8


def figures(people: int, devices: int, *, now: datetime, dice: random.Random) -> Iterator[Figure]:
    """A year by days and a week by hours, with weekends and nights."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    today = hour.replace(hour=0)
    for back in range(_YEAR_DAYS):
        day = today - timedelta(days=back)
        share = (1 - back / _YEAR_DAYS) ** 1.4 * (0.72 if day.weekday() > 4 else 1)
        yield from _figures_at(Span.DAY, day, share, 24, people, devices, dice)
    for back in range(_HOURS):
        at = hour - timedelta(hours=back)
        share = 0.35 + 0.65 * abs(12 - abs(at.hour - 15)) / 12
        yield from _figures_at(Span.HOUR, at, share, 1, people, devices, dice)


def _figures_at(
    span: Span, at: datetime, share: float, hours: int, people: int, devices: int, dice: random.Random
) -> Iterator[Figure]:
    noise = 0.85 + 0.3 * dice.random()
    busy = share * noise * hours
    values = {
        "sign_ups": people / _YEAR_DAYS / 24 * 1.7 * busy,
        "requests": people * 1.1 * busy,
        "errors": people * 0.0006 * busy,
        "p95_ms": 25 + 60 * noise * share,
        "sign_in_failures": people * 0.0008 * busy,
        "mails_sent": people * 0.002 * busy,
        "mails_failed": people * 0.00003 * busy,
        "people": people * min(share * 1.3, 1),
        "organizations": people * min(share * 1.35, 1.04),
        "devices": devices * min(share * 1.3, 1),
        "devices_day": devices * 0.18 * share * noise,
        "devices_week": devices * 0.41 * share,
        "devices_month": devices * 0.66 * share,
        "jobs_running": 3 * noise * share,
        "storage_bytes": people * 1_400_000 * share,
    }
    for metric, value in values.items():
        yield Figure(metric=metric, span=span, at=at, value=round(value))
