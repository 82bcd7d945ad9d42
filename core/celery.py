"""Celery: workers that execute the outbox in a deployment. A message of the broker names an outbox row and no more."""

import os
import time
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init
from django.conf import settings

from core import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

# How long one message of the broker keeps its worker claiming; what is left is beat's next message's.
_RUN_SECONDS = 60

app = Celery("handset")
app.config_from_object("django.conf:settings", namespace="CELERY")


@setup_logging.connect  # type: ignore[untyped-decorator]  # celery ships no types
def configure_logs(**_: Any) -> None:
    """The same lines as every process; with a receiver for this signal Celery leaves the loggers alone."""
    logs.configure()


@worker_init.connect  # type: ignore[untyped-decorator]  # as above
@beat_init.connect  # type: ignore[untyped-decorator]  # as above
def refuse_unsafe_settings(**_: Any) -> None:
    from core.start import refuse_unsafe_start  # noqa: PLC0415 -- models exist only once Django is set up

    refuse_unsafe_start()


@app.task(name="outbox.run", ignore_result=True)  # type: ignore[untyped-decorator]  # as above
def run_outbox() -> None:
    """Carries out what is due. Sent after a commit to be quick, and by beat in case that was lost."""
    from api.apis.jobs import services  # noqa: PLC0415 -- as above

    until = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < until and services.run_due():
        pass


@app.task(name="outbox.schedule", ignore_result=True)  # type: ignore[untyped-decorator]  # as above
def enqueue_schedule() -> None:
    from api.apis.jobs import services  # noqa: PLC0415 -- as above

    services.enqueue_schedule(settings.SCHEDULE)
