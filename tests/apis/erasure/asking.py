"""Asking for an erasure in tests, and carrying it out."""

from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone
from handset_client import Answer
from handset_client.outcomes import accept

from api.apis.jobs import services as jobs
from api.models import Job, OutboxMessage
from tests.conftest import PASSWORD, Person


def run_outbox() -> None:
    while jobs.run_due():
        pass


def ask(person: Person, body: Any = None, *, method: str = "POST") -> Answer:
    """The call, as it is: nothing is tried again with other tokens."""
    return person.phone.request(method, "auth/delete/", body)


def give_up(person: Person, body: Any = None) -> Job:
    """The job of an account that was given up by its password."""
    answer = accept(ask(person, body if body is not None else {"password": PASSWORD}))
    assert (answer.status, answer.headers["location"]) == (202, "/api/v1/auth/delete/")
    return Job.objects.get(id=answer.json["id"])


def carry_out(job: Job) -> Job:
    """The job once it has ended: what it waits for is under way for ten minutes at most."""
    run_outbox()
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        OutboxMessage.objects.filter(job=job, done_at=None).update(due_at=timezone.now())
        run_outbox()
        OutboxMessage.objects.filter(job=job, done_at=None).update(due_at=timezone.now())
        run_outbox()
    job.refresh_from_db()
    assert (job.state, job.progress) == ("SUCCESS", 100), job.error
    return job
