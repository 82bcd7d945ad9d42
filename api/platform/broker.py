"""The one door to the message broker from a web process: is it there. Messages are sent by the outbox's workers."""

from django.conf import settings
from kombu.connection import Connection


def is_configured() -> bool:
    return bool(settings.CELERY_BROKER_URL)


def ping(*, timeout_seconds: float) -> None:
    """Raises OSError or kombu's own errors when the broker does not answer in time."""
    with Connection(  # type: ignore[no-untyped-call]  # kombu ships no types
        settings.CELERY_BROKER_URL,
        connect_timeout=timeout_seconds,
        transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        ssl=settings.CELERY_BROKER_USE_SSL,
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=timeout_seconds)
