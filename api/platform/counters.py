"""A small cache whose `incr` is atomic across processes: what django-ratelimit counts in when there is no Redis."""

from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from api.models import Counter
from api.models.base import IDENTITY_MAX_BYTES


class DatabaseCounters(BaseCache):
    """Django's cache interface for integers, kept in the `counter` table."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def _row_key(self, key: str, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)[-IDENTITY_MAX_BYTES:]

    def _expiry(self, timeout: Any) -> datetime:
        seconds = self.get_backend_timeout(timeout)
        return datetime.max.replace(tzinfo=UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        row_key = self._row_key(key, version)
        Counter.objects.filter(key=row_key, expires_at__lte=timezone.now()).delete()
        try:
            with transaction.atomic():
                Counter.objects.create(key=row_key, value=int(value), expires_at=self._expiry(timeout))
        except IntegrityError:
            return False
        return True

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        row = Counter.objects.filter(key=self._row_key(key, version), expires_at__gt=timezone.now())
        value = row.values_list("value", flat=True).first()
        return default if value is None else value

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        row = {"value": int(value), "expires_at": self._expiry(timeout)}
        Counter.objects.update_or_create(key=self._row_key(key, version), defaults=row)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        with transaction.atomic():
            row = Counter.objects.filter(key=self._row_key(key, version), expires_at__gt=timezone.now())
            if not row.update(value=F("value") + delta):
                raise ValueError(f"Key '{key}' not found")
            return row.values_list("value", flat=True).get()

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(Counter.objects.filter(key=self._row_key(key, version)).delete()[0])


def forget_expired(*, most: int = 1000) -> int:
    """Deletes up to `most` counters whose time is over; returns how many."""
    expired = list(Counter.objects.filter(expires_at__lt=timezone.now()).values_list("key", flat=True)[:most])
    return Counter.objects.filter(key__in=expired).delete()[0]
