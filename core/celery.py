"""Celery: workers that execute the outbox in a deployment. A message of the broker names an outbox row and no more."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

app = Celery("handset")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="outbox.run", ignore_result=True)  # type: ignore[untyped-decorator]  # celery ships no types
def run_outbox() -> None:
    """Carries out what is due. Sent after a commit to be quick, and by beat in case that was lost."""
    from api.apis.jobs import services  # noqa: PLC0415 -- models exist only once Django is set up

    while services.run_due():
        pass


@app.task(name="outbox.schedule", ignore_result=True)  # type: ignore[untyped-decorator]  # as above
def enqueue_schedule() -> None:
    from api.apis.jobs import services  # noqa: PLC0415 -- as above

    services.enqueue_schedule(settings.SCHEDULE)
