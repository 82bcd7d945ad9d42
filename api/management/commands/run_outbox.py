"""Executes background work: what a Celery worker and beat do in a deployment, in one process."""

import gc
import signal
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from api.apis.jobs import services
from api.platform import leases, metrics, telemetry

_PAUSE_SECONDS = 0.5
_JOBS_AT_ONCE = 2  # one that takes an hour does not keep one of a second waiting


class Command(BaseCommand):
    help = "Executes the outbox and the schedule until it is told to stop, or once with --once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="execute what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            while services.run_due():
                pass
            return
        if settings.METRICS_PORT:
            metrics.serve(settings.METRICS_PORT)
        telemetry.start()
        gc.freeze()  # as a worker of Celery does
        stop = leases.stopping
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        # Jobs have threads of their own: mail does not wait for them.
        jobs = [threading.Thread(target=self._go_on, args=(stop, services.run_due_job)) for _ in range(_JOBS_AT_ONCE)]
        for thread in jobs:
            thread.start()
        self._go_on(stop, _run_the_rest)
        for thread in jobs:
            thread.join()

    def _go_on(self, stop: leases.Flag, run: Callable[[], int]) -> None:
        """Runs until it is told to stop. What it cannot live with stops the other threads too: the process ends."""
        try:
            while not stop.is_set():
                close_old_connections()
                try:
                    is_idle = run() == 0
                except (DatabaseError, InterfaceError) as error:
                    self.stderr.write(f"the database does not answer, trying again: {error}")
                    is_idle = True
                if is_idle:
                    stop.wait(_PAUSE_SECONDS)
        finally:
            stop.set()
            connection.close()


def _run_the_rest() -> int:
    services.enqueue_schedule(settings.SCHEDULE)
    return services.run_due_messages()
