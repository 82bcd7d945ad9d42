"""Locks of the database: holding one on purpose, and seeing who waits for it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

from api.models import Organization
from api.platform import changes
from tests.services.servers import wait_until

_ANEW_SECONDS = 0.15  # InnoDB looks no more often than each 0.1 s, and tells whoever asks earlier the same again
_WAITING = {
    "mysql": (
        "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p "
        "ON p.id = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()"
    ),
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
}


def waiting() -> int:
    """How many transactions wait for a lock at this moment."""
    time.sleep(_ANEW_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING[connection.vendor])
        return int(cursor.fetchone()[0])


@contextmanager
def held(organization: Organization, *, write: Callable[[], None] | None = None) -> Iterator[None]:
    """Somebody else is in the middle of changing the organization."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                changes.lock(organization.id)
                if write is not None:
                    write()
                is_held.set()
                assert is_over.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        try:
            wait_until(lambda: is_held.is_set() or holding.done(), "the organization is held")
            if holding.done():
                holding.result()
            yield
        finally:
            is_over.set()
        holding.result(10)
