"""The numbers of the dashboard, added up by hours and days in the background: a page never counts a big table.

What happened in an hour is counted from the rows of that hour. How much there is of something (devices in use, bytes
stored) is asked once an hour, since the past cannot be asked. Each figure is written under its hour or day, so running
twice, also at once, writes the same.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from api.models import (
    AuditEntry,
    Device,
    Figure,
    Image,
    Job,
    JobState,
    Organization,
    OutboxMessage,
    Span,
    Traffic,
    User,
)
from api.platform.traffic import BOUNDS_MS

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_COUNTED_AGAIN = 2 * _HOUR  # behind the present hour: what is written late belongs to its hour
_CAUGHT_UP = 7 * _DAY  # after a rest
_HOURS_KEPT = 100 * _DAY
_FORGOTTEN_AT_ONCE = 1000

_MAILS = ("auth.mail_proof", "auth.mail_change_notice", "auth.mail_password_notice", "orgs.mail_invitation")
_SIGN_IN_FAILURES = ("auth.sign_in_failed", "staff.sign_in_failed")


def roll_up() -> None:
    """Writes the figures of the present hour and of those before it that may have changed, and of their days."""
    now = timezone.now()
    hours = list(_hours_until(now))
    for hour in hours:
        for metric, count in _COUNTED.items():
            _put(metric, Span.HOUR, hour, count(hour, hour + _HOUR))
    if not Figure.objects.filter(span=Span.HOUR, at=hours[-1], metric="devices").exists():
        for metric, ask in _ASKED.items():
            value = ask(now)
            _put(metric, Span.HOUR, hours[-1], value)
            _put(metric, Span.DAY, _day_of(hours[-1]), value)
    for day in sorted({_day_of(hour) for hour in hours}):
        _roll_up_day(day)
    _forget(now - _HOURS_KEPT)


def _hours_until(now: datetime) -> Iterator[datetime]:
    present = now.replace(minute=0, second=0, microsecond=0)
    last = Figure.objects.filter(span=Span.HOUR).order_by("-at").values_list("at", flat=True).first()
    hour = max(min(present, last or present) - _COUNTED_AGAIN, present - _CAUGHT_UP)
    while hour <= present:
        yield hour
        hour += _HOUR


def _day_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _roll_up_day(day: datetime) -> None:
    for metric, count in _COUNTED.items():
        if metric == "p95_ms":
            _put(metric, Span.DAY, day, count(day, day + _DAY))
            continue
        hours = Figure.objects.filter(span=Span.HOUR, at__gte=day, at__lt=day + _DAY, metric=metric)
        _put(metric, Span.DAY, day, hours.aggregate(sum=Sum("value"))["sum"] or 0)


def _put(metric: str, span: Span, at: datetime, value: int) -> None:
    """Writes a figure under its key, whoever else does so."""
    row = Figure.objects.filter(metric=metric, span=span, at=at)
    if row.update(value=value):
        return
    try:
        with transaction.atomic():
            Figure.objects.create(metric=metric, span=span, at=at, value=value)
    except IntegrityError:
        row.update(value=value)


def _forget(before: datetime) -> None:
    for rows in (Figure.objects.filter(span=Span.HOUR, at__lt=before), Traffic.objects.filter(hour__lt=before)):
        ids = list(rows.values_list("id", flat=True)[:_FORGOTTEN_AT_ONCE])
        rows.model._default_manager.filter(id__in=ids).delete()


# What happened between two moments.


def _sign_ups(start: datetime, end: datetime) -> int:
    return User.objects.filter(created_at__gte=start, created_at__lt=end, is_guest=False).count()


def _requests(start: datetime, end: datetime) -> int:
    rows = Traffic.objects.filter(hour__gte=start, hour__lt=end)
    return rows.aggregate(sum=Sum("requests"))["sum"] or 0


def _errors(start: datetime, end: datetime) -> int:
    return Traffic.objects.filter(hour__gte=start, hour__lt=end).aggregate(sum=Sum("errors"))["sum"] or 0


def _p95_ms(start: datetime, end: datetime) -> int:
    """The bound that 95 of 100 requests did not exceed; 0 without requests."""
    rows = Traffic.objects.filter(hour__gte=start, hour__lt=end).values_list("bound_ms").annotate(Sum("requests"))
    counts = dict(rows)
    wanted, seen = 0.95 * sum(counts.values()), 0
    for bound in BOUNDS_MS:
        seen += counts.get(bound, 0)
        if seen and seen >= wanted:
            return bound
    return 0


def _sign_in_failures(start: datetime, end: datetime) -> int:
    rows = AuditEntry.objects.filter(action__in=_SIGN_IN_FAILURES, at__gte=start, at__lt=end)
    return rows.aggregate(sum=Sum("times"))["sum"] or 0


def _mails_sent(start: datetime, end: datetime) -> int:
    return OutboxMessage.objects.filter(task__in=_MAILS, done_at__gte=start, done_at__lt=end).count()


def _mails_failed(start: datetime, end: datetime) -> int:
    return OutboxMessage.objects.filter(task__in=_MAILS, failed_at__gte=start, failed_at__lt=end).count()


_COUNTED: Mapping[str, Callable[[datetime, datetime], int]] = {
    "sign_ups": _sign_ups,
    "requests": _requests,
    "errors": _errors,
    "p95_ms": _p95_ms,
    "sign_in_failures": _sign_in_failures,
    "mails_sent": _mails_sent,
    "mails_failed": _mails_failed,
}


# How much there is of something.


def _active_within(span: timedelta) -> Callable[[datetime], int]:
    return lambda now: Device.objects.filter(last_seen_at__gte=now - span).count()


_ASKED: Mapping[str, Callable[[datetime], int]] = {
    "people": lambda _: User.objects.count(),
    "organizations": lambda _: Organization.objects.filter(deleted_at=None).count(),
    "devices_day": _active_within(_DAY),
    "devices_week": _active_within(7 * _DAY),
    "devices_month": _active_within(30 * _DAY),
    "jobs_running": lambda _: Job.objects.filter(ended_at=None, state=JobState.STARTED).count(),
    "storage_bytes": lambda _: Image.objects.aggregate(sum=Sum("size_bytes"))["sum"] or 0,
    "devices": lambda _: Device.objects.count(),  # the last: who finds it finds all of them
}
