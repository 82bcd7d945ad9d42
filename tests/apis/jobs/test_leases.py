"""Leases of jobs: renewed while somebody is at work, lost when it is somebody else's, handed back by who must stop."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from api.apis.jobs import services
from api.exceptions import TemporarilyUnavailable
from api.models import Job, JobState, OutboxMessage
from api.platform import jobs, leases, outbox
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db

Replace = Callable[[Callable[..., Any]], None]


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Lets the jobs of type `add` do something else."""
    return lambda function: monkeypatch.setitem(outbox._tasks, "jobs.add", function)


@pytest.fixture
def job(alice: Person) -> Job:
    while services.run_due():  # the mail to her
        pass
    return jobs.begin(alice.user.id, "jobs.add", {"x": 1, "y": 2}, type_="add", key="sum")


@pytest.fixture
def _process_ends() -> Iterator[None]:
    leases.stopping.set()
    yield
    leases.stopping.clear()


def due_again() -> None:
    OutboxMessage.objects.filter(task="jobs.add").update(due_at=timezone.now())


def states(job: Job) -> tuple[str, str | None, int, int]:
    message = OutboxMessage.objects.get(job=job)
    job.refresh_from_db()
    return job.state, job.live_key, message.attempts, message.failures


def test_what_a_dead_worker_left_is_due_half_a_minute_later(job: Job) -> None:
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:
        assert len(outbox.claim(most=1, of_jobs=True)) == 1
        clock.shift(leases.JOB_SECONDS - 1)
        assert outbox.claim(most=1, of_jobs=True) == []
        clock.shift(1)
        assert len(outbox.claim(most=1, of_jobs=True)) == 1


def test_a_report_renews_the_lease(job: Job, task: Replace) -> None:
    seen: list[Any] = []

    def work(job_id: str, **_: Any) -> None:
        due_again()
        jobs.report(job_id, per_cent=1)
        seen.append(OutboxMessage.objects.values_list("due_at", flat=True).get(job=job))

    task(work)
    assert services.run_due() == 1
    assert seen[0] - timezone.now() > timedelta(seconds=leases.JOB_SECONDS - 5)


def test_a_thread_renews_it_for_a_task_that_never_reports(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()
    monkeypatch.setattr(leases, "_RENEWED_SECONDS", 0.001)
    monkeypatch.setattr(leases.Lease, "renewed", lambda _: renewed.set() or True)
    (message,) = outbox.claim(most=1, of_jobs=True)
    with leases.kept(message, limit_seconds=60):
        assert renewed.wait(10)


def test_nobody_renews_it_beyond_the_time_limit(job: Job, task: Replace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox._limits, "jobs.add", -1)
    task(lambda job_id, **_: jobs.report(job_id, per_cent=1))
    services.run_due()
    assert states(job) == (JobState.RETRY, "sum", 1, 1)
    assert OutboxMessage.objects.get(job=job).last_error.startswith("TimeLimitPassed")


def test_a_worker_whose_job_was_taken_up_by_another_stops(job: Job, task: Replace) -> None:
    came_this_far: list[str] = []

    def work(job_id: str, **_: Any) -> dict[str, str]:
        due_again()
        assert len(outbox.claim(most=1, of_jobs=True)) == 1
        jobs.report(job_id, per_cent=50)
        came_this_far.append(job_id)
        return {"was": "too late"}

    task(work)
    services.run_due()
    assert came_this_far == []
    assert states(job) == (JobState.STARTED, "sum", 2, 0)


@pytest.mark.usefixtures("_process_ends")
def test_a_process_that_ends_hands_its_job_back_as_if_it_had_not_begun(job: Job, task: Replace) -> None:
    task(lambda job_id, **_: jobs.report(job_id, per_cent=50))
    services.run_due()
    assert states(job) == (JobState.PENDING, "sum", 0, 0)
    leases.stopping.clear()
    task(lambda **_: {"was": "done"})
    assert services.run_due() == 1
    assert states(job) == (JobState.SUCCESS, None, 1, 0)


def test_workers_may_die_often_over_a_job_but_not_for_good(job: Job, task: Replace) -> None:
    task(lambda **_: {"was": "done"})
    message = OutboxMessage.objects.filter(job=job)
    message.update(attempts=outbox.JOB_DEATHS)
    assert services.run_due() == 1
    assert states(job) == (JobState.FAILURE, None, outbox.JOB_DEATHS + 1, 1)
    message.update(due_at=timezone.now(), failed_at=None, attempts=outbox.JOB_DEATHS - 1, failures=0)
    Job.objects.filter(id=job.id).update(state=JobState.RETRY, ended_at=None)
    assert services.run_due() == 1
    assert states(job)[0] == JobState.SUCCESS


def test_what_is_hopeless_is_not_tried_again(job: Job, task: Replace) -> None:
    def work(**_: Any) -> None:
        raise outbox.Hopeless from jobs.TooManyJobs()

    task(work)
    services.run_due()
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.FAILURE, "too_many_jobs")


# -- one at a time


def test_two_jobs_with_one_key_are_one_until_it_has_ended(job: Job, alice: Person, bob: Person) -> None:
    again = [jobs.begin(person.user.id, "jobs.add", {}, type_="add", key="sum") for person in (alice, bob)]
    assert {one.id for one in again} == {job.id}
    assert jobs.begin(alice.user.id, "jobs.add", {}, type_="add", key="another").id != job.id
    assert jobs.revoke(job.id)
    assert jobs.begin(bob.user.id, "jobs.add", {}, type_="add", key="sum").id != job.id


def test_one_that_failed_is_not_revived_beside_its_successor(job: Job, alice: Person) -> None:
    jobs.revoke(job.id)
    successor = jobs.begin(alice.user.id, "jobs.add", {"x": 1, "y": 1}, type_="add", key="sum")
    with pytest.raises(jobs.AlreadyRunning):
        jobs.begin_again(job, "jobs.add", {"x": 1, "y": 2})
    jobs.revoke(successor.id)
    jobs.begin_again(job, "jobs.add", {"x": 1, "y": 2})
    while services.run_due():
        pass
    job.refresh_from_db()
    assert (job.state, job.result) == (JobState.SUCCESS, {"sum": 3})
    problem_of(alice.delete(f"tasks/{job.id}/"), 409, "job_over")


def test_failures_are_forgotten_by_what_has_come_further_and_not_by_what_waits(job: Job, task: Replace) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    def wait(**_: Any) -> None:
        raise outbox.Postponed(seconds=0, because=TemporarilyUnavailable())

    def go_on_later(**_: Any) -> None:
        raise outbox.Postponed(seconds=0)

    for behaviour, expected in (
        (fail, ("RETRY", "sum", 1, 1)),
        (wait, ("RETRY", "sum", 1, 1)),
        (fail, ("RETRY", "sum", 2, 2)),
        (go_on_later, ("STARTED", "sum", 0, 0)),
    ):
        due_again()
        task(behaviour)
        assert services.run_due_job() == 1
        assert states(job) == expected
