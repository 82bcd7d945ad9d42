"""How many requests were answered, and how fast, by hours, for the dashboard.

Each process counts for itself and adds what it has to the rows once a minute: a request pays nothing for it. What a
process had not added when it ended is lost, which is less than a minute's requests.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from api.models import Traffic

log = structlog.get_logger(__name__)

# Milliseconds: a request counts at the first that it did not exceed; the last stands for whatever took longer.
BOUNDS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
FLUSH_SECONDS = 60

_Counts = dict[tuple[datetime, int], tuple[int, int]]  # (hour, bound) -> requests, errors
_counts: _Counts = {}
_lock = threading.Lock()
_flushed_at = time.monotonic()


def note(seconds: float, *, is_error: bool) -> None:
    """Counts a request; now and then the thread of one adds up what was counted."""
    bound = BOUNDS_MS[min(bisect_left(BOUNDS_MS, seconds * 1000), len(BOUNDS_MS) - 1)]
    key = (timezone.now().replace(minute=0, second=0, microsecond=0), bound)
    with _lock:
        requests, errors = _counts.get(key, (0, 0))
        _counts[key] = (requests + 1, errors + is_error)
        is_time = time.monotonic() - _flushed_at >= FLUSH_SECONDS
    if is_time:
        flush()


def flush() -> None:
    """Adds what this process has counted to the rows. Without a database it is kept for the next time."""
    global _flushed_at
    with _lock:
        counted, _flushed_at = dict(_counts), time.monotonic()
        _counts.clear()
    try:
        with transaction.atomic():
            _add(counted)
    except DatabaseError:
        log.warning("traffic.not_kept", exc_info=True)
        with _lock:
            for key, (requests, errors) in counted.items():
                more_requests, more_errors = _counts.get(key, (0, 0))
                _counts[key] = (requests + more_requests, errors + more_errors)


def _add(counted: Mapping[tuple[datetime, int], tuple[int, int]]) -> None:
    # In one order, so that two processes wait for one another and never both.
    for (hour, bound), (requests, errors) in sorted(counted.items()):
        row = Traffic.objects.filter(hour=hour, bound_ms=bound)
        more = {"requests": F("requests") + requests, "errors": F("errors") + errors}
        if row.update(**more):
            continue
        try:
            with transaction.atomic():
                Traffic.objects.create(hour=hour, bound_ms=bound, requests=requests, errors=errors)
        except IntegrityError:  # another process was first
            row.update(**more)
