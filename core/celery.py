"""Celery: workers that execute the outbox in a deployment. A message of the broker names an outbox row and no more."""

import atexit
import gc
import os
import time
from typing import Any

import billiard
from billiard.process import current_process
from celery import Celery
from celery.loaders.app import AppLoader
from celery.signals import (
    beat_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_shutting_down,
)
from django.conf import settings

from api.platform import metric_files
from core import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

# How long one message of the broker keeps its worker claiming; what is left is beat's next message's.
_RUN_SECONDS = 60
# Longer than any job may take, and to clear up: a job that hangs in a call has lost its lease before.
_JOB_SECONDS = 7 * 3600


class Loader(AppLoader):  # type: ignore[misc]  # celery ships no types
    def init_worker(self) -> None:
        """Shares what is counted with the processes that execute tasks, which are this one's children. None of Celery's
        signals comes before Django is set up, which loads what counts.
        """
        if settings.METRICS_PORT and not metric_files.is_shared():
            metric_files.share()
            metric_files.take("worker")
            atexit.register(_forget_metrics, os.getpid())
        super().init_worker()


def _forget_metrics(owner: int) -> None:
    if os.getpid() == owner:
        metric_files.forget()


app = Celery("handset", loader="core.celery:Loader")
app.config_from_object("django.conf:settings", namespace="CELERY")


@setup_logging.connect  # type: ignore[untyped-decorator]  # celery ships no types
def configure_logs(**_: Any) -> None:
    """The same lines as every process; with a receiver for this signal Celery leaves the loggers alone."""
    logs.configure()


@worker_process_init.connect  # type: ignore[untyped-decorator]  # as above
def begin_tasks(**_: Any) -> None:
    from api.platform import telemetry  # noqa: PLC0415 -- models exist only once Django is set up

    metric_files.take(f"task{current_process().index}")
    telemetry.start()
    gc.freeze()  # what a process has from the start is never garbage: an export of many rows would look through it each time


@worker_init.connect  # type: ignore[untyped-decorator]  # as above
def share_the_end(**_: Any) -> None:
    """Before the processes are there that execute tasks: only this one is told to end, and they are to hear of it."""
    from api.platform import leases  # noqa: PLC0415 -- models exist only once Django is set up

    leases.stopping = billiard.Event()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]  # as above
def hand_jobs_back(**_: Any) -> None:
    from api.platform import leases  # noqa: PLC0415 -- as above

    leases.stopping.set()


@worker_init.connect  # type: ignore[untyped-decorator]  # as above
def serve_metrics(**_: Any) -> None:
    from api.platform import metrics  # noqa: PLC0415 -- it looks for the folder when it is loaded

    if settings.METRICS_PORT:
        metrics.serve(settings.METRICS_PORT)


@worker_init.connect  # type: ignore[untyped-decorator]  # as above
@beat_init.connect  # type: ignore[untyped-decorator]  # as above
def refuse_unsafe_settings(**_: Any) -> None:
    from core.start import refuse_unsafe_start  # noqa: PLC0415 -- models exist only once Django is set up

    refuse_unsafe_start()


@app.task(name="outbox.run", ignore_result=True)  # type: ignore[untyped-decorator]  # as above
def run_outbox() -> None:
    """Carries out what is due and belongs to no job. Sent by beat all the time: one that was lost is not missed."""
    from api.apis.jobs import services  # noqa: PLC0415 -- as above
    from api.platform import leases  # noqa: PLC0415 -- as above

    until = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < until and not leases.stopping.is_set() and services.run_due_messages():
        pass


@app.task(  # type: ignore[untyped-decorator]  # as above
    name="outbox.run_job", ignore_result=True, soft_time_limit=_JOB_SECONDS, time_limit=_JOB_SECONDS + 60
)
def run_job() -> None:
    """Carries out jobs that are due, one after the other. In a queue of its own, so that mail need not wait for them."""
    from api.apis.jobs import services  # noqa: PLC0415 -- as above
    from api.platform import leases  # noqa: PLC0415 -- as above

    until = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < until and not leases.stopping.is_set() and services.run_due_job():
        pass


@app.task(name="outbox.schedule", ignore_result=True)  # type: ignore[untyped-decorator]  # as above
def enqueue_schedule() -> None:
    from api.apis.jobs import services  # noqa: PLC0415 -- as above

    services.enqueue_schedule(settings.SCHEDULE)
