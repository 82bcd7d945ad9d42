"""`tasks/`: jobs of a person, whose states are what became of their messages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from api.apis.jobs import services
from api.exceptions import NotThere, TemporarilyUnavailable
from api.models import AuditEntry, Job, OutboxMessage
from api.platform import jobs, outbox
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of, queries

pytestmark = pytest.mark.django_db

ADD = {"type": "add", "x": 5, "y": 3}
Replace = Callable[[Callable[..., Any]], None]


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Lets the jobs of type `add` do something else."""
    return lambda function: monkeypatch.setitem(outbox._tasks, "jobs.add", function)


@pytest.fixture(autouse=True)
def _nothing_else_is_due(alice: Person, bob: Person) -> None:
    """The mails to those who have signed up are out."""
    while services.run_due():
        pass


def started(person: Person, body: dict[str, Any] = ADD) -> str:
    answer = person.post("tasks/", body)
    assert answer.status == 202, answer.body
    assert answer.headers["location"] == f"/api/v1/tasks/{answer.json['id']}/"
    assert (answer.json["state"], answer.json["progress"], answer.json["started_at"]) == ("PENDING", 0, None)
    return str(answer.json["id"])


def read(person: Person, job_id: str) -> dict[str, Any]:
    answer = person.get(f"tasks/{job_id}/")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


# -- when all goes well


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (ADD, {"sum": 8}),
        ({"type": "process_data", "data": [3, -1, 4]}, {"count": 3, "sum": 6, "minimum": -1, "maximum": 4}),
        ({"type": "long_running", "seconds": 1}, {"seconds": 1}),
    ],
)
def test_a_job_is_carried_out_and_tells_its_result(alice: Person, body: dict[str, Any], result: object) -> None:
    job_id = started(alice, body)
    assert services.run_due() == 1
    job = read(alice, job_id)
    assert (job["type"], job["state"], job["progress"], job["result"]) == (body["type"], "SUCCESS", 100, result)
    assert job["error"] is None
    assert job["created_at"] <= job["started_at"] <= job["ended_at"]


def test_a_job_and_its_message_are_written_together_or_not_at_all(alice: Person) -> None:
    with transaction.atomic():
        jobs.begin(alice.user.id, "jobs.add", {"x": 1, "y": 2}, type_="add")
        transaction.set_rollback(True)
    assert not Job.objects.exists()
    assert not OutboxMessage.objects.filter(task="jobs.add").exists()


def test_a_repeat_under_its_key_starts_no_second_job(alice: Person) -> None:
    first, second = (alice.phone.request("POST", "tasks/", ADD, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert first.json == second.json
    assert second.headers["location"] == first.headers["location"]
    assert Job.objects.count() == 1


# -- when it does not


def test_a_job_that_fails_is_tried_again_and_fails_visibly_in_the_end(alice: Person, task: Replace) -> None:
    def fail(**_: Any) -> None:
        raise TemporarilyUnavailable

    task(fail)
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False) as clock:
        job_id = started(alice)
        for attempt in range(1, outbox.ATTEMPTS + 1):
            assert services.run_due() == 1
            state = Job.objects.values_list("state", "error", "ended_at").get()
            if attempt < outbox.ATTEMPTS:
                assert state == ("RETRY", "temporarily_unavailable", None)
            clock.shift(timedelta(hours=1))
        assert services.run_due() == 0
    message = OutboxMessage.objects.get(job_id=job_id)
    job = Job.objects.get(id=job_id)
    assert (job.state, job.result, job.ended_at) == ("FAILURE", None, message.failed_at)
    assert message.failed_at is not None


def test_a_job_that_a_rule_refuses_is_over_at_once(alice: Person, task: Replace) -> None:
    def refuse(**_: Any) -> None:
        raise NotThere

    task(refuse)
    job_id = started(alice)
    assert services.run_due() == 1
    job = read(alice, job_id)
    assert (job["state"], job["error"], job["result"]) == ("FAILURE", "not_found", None)
    assert job["ended_at"] is not None
    message = OutboxMessage.objects.get(job_id=job_id)
    assert (message.due_at, message.failed_at) == (None, None)  # nobody has to look at it
    assert services.run_due() == 0


def test_what_went_wrong_is_told_by_a_code_and_nothing_more(alice: Person, task: Replace) -> None:
    def fail(**_: Any) -> None:
        raise ValueError("the password of the database is hunter2")

    task(fail)
    job_id = started(alice)
    services.run_due()
    assert read(alice, job_id)["error"] == "internal_error"
    assert "hunter2" not in str(read(alice, job_id))


def test_a_second_attempt_may_succeed(alice: Person, task: Replace) -> None:
    attempts: list[str] = []

    def fail_once(job_id: str, **_: Any) -> dict[str, str]:
        attempts.append(job_id)
        if len(attempts) == 1:
            raise OSError
        return {"was": "better"}

    task(fail_once)
    job_id = started(alice)
    services.run_due()
    OutboxMessage.objects.filter(task="jobs.add").update(due_at=timezone.now())
    services.run_due()
    job = read(alice, job_id)
    assert (job["state"], job["result"], job["error"]) == ("SUCCESS", {"was": "better"}, None)
    assert attempts == [job_id, job_id]


def test_a_worker_that_lost_its_lease_decides_nothing(alice: Person, task: Replace) -> None:
    job_id = started(alice)
    (slow,) = outbox.claim(most=1, of_jobs=True)
    OutboxMessage.objects.filter(task="jobs.add").update(due_at=timezone.now())
    (quick,) = outbox.claim(most=1, of_jobs=True)
    task(lambda **_: {"was": "slow"})
    outbox.execute(slow)
    assert read(alice, job_id)["state"] == "STARTED"
    task(lambda **_: {"was": "quick"})
    outbox.execute(quick)
    assert read(alice, job_id)["result"] == {"was": "quick"}


# -- calling off


def test_a_job_that_is_called_off_is_never_carried_out(alice: Person, task: Replace) -> None:
    task(lambda **_: pytest.fail("it was called off"))
    job_id = started(alice)
    for _ in range(2):
        assert alice.delete(f"tasks/{job_id}/").status == 204
    assert services.run_due() == 0
    assert read(alice, job_id)["state"] == "REVOKED"
    assert AuditEntry.objects.filter(action="job.revoked", target_id=job_id).count() == 1


def test_a_job_that_is_at_work_notices_that_it_was_called_off(alice: Person, task: Replace) -> None:
    seen: list[int] = []

    def work(job_id: str, **_: Any) -> dict[str, str]:
        for per_cent in (10, 20, 30):
            jobs.report(job_id, per_cent=per_cent)
            seen.append(read(alice, job_id)["progress"])
            if per_cent == 20:
                assert alice.delete(f"tasks/{job_id}/").status == 204
        return {"was": "too late"}

    task(work)
    job_id = started(alice)
    services.run_due()
    job = read(alice, job_id)
    assert (seen, job["state"], job["result"], job["progress"]) == ([10, 20], "REVOKED", None, 20)


def test_a_job_that_was_claimed_when_it_was_called_off_is_not_begun(alice: Person, task: Replace) -> None:
    task(lambda **_: pytest.fail("it was called off"))
    job_id = started(alice)
    (message,) = outbox.claim(most=1, of_jobs=True)
    alice.delete(f"tasks/{job_id}/")
    assert not outbox.execute(message)
    assert read(alice, job_id)["state"] == "REVOKED"


def test_a_job_that_has_ended_cannot_be_called_off(alice: Person) -> None:
    job_id = started(alice)
    services.run_due()
    problem_of(alice.delete(f"tasks/{job_id}/"), 409, "job_over")
    assert read(alice, job_id)["state"] == "SUCCESS"


# -- whose they are


def test_only_the_owner_sees_a_job(alice: Person, bob: Person) -> None:
    job_id = started(alice)
    for path in (f"tasks/{job_id}/", "tasks/00000000-0000-7000-8000-000000000000/"):
        problem_of(bob.get(path), 404, "not_found")
        problem_of(bob.delete(path), 404, "not_found")
    assert bob.get("tasks/", total="true").json == {"data": [], "meta": {"next": None, "prev": None, "total": 0}}
    assert read(alice, job_id)["state"] == "PENDING"


def test_the_newest_job_is_listed_first_in_one_query(alice: Person) -> None:
    ids = [started(alice) for _ in range(3)]
    with queries() as tables:
        listed = alice.get("tasks/").json["data"]
    assert [row["id"] for row in listed] == ids[::-1]
    assert listed[0] == read(alice, ids[-1])
    assert tables.count("job") == 1
    first = alice.get("tasks/", limit=2).json
    rest = alice.get("tasks/", limit=2, cursor=first["meta"]["next"]).json
    assert [row["id"] for row in first["data"] + rest["data"]] == ids[::-1]


def test_a_person_has_ten_jobs_at_a_time(alice: Person, bob: Person) -> None:
    for _ in range(jobs.UNFINISHED_MAX):
        started(alice)
    problem_of(alice.post("tasks/", ADD), 409, "too_many_jobs")
    started(bob)
    while services.run_due():
        pass
    started(alice)


def test_jobs_are_forgotten_a_month_after_their_end(alice: Person) -> None:
    job_id, waiting = started(alice), started(alice)
    outbox.execute(outbox.claim(most=1, of_jobs=True)[0])
    month = timedelta(days=jobs.KEPT_DAYS)
    Job.objects.filter(id=job_id).update(ended_at=timezone.now() - month + timedelta(minutes=1))
    services.forget_expired()
    assert Job.objects.count() == 2
    Job.objects.filter(id=job_id).update(ended_at=timezone.now() - month)
    Job.objects.filter(id=waiting).update(created_at=timezone.now() - month)
    services.forget_expired()
    assert [str(job.id) for job in Job.objects.all()] == [waiting]
    assert [str(message.job_id) for message in OutboxMessage.objects.filter(task="jobs.add")] == [waiting]


# -- what may be started


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"type": "required"}),
        ({"type": "jobs.sweep"}, {"type": "invalid_choice"}),
        ({"type": "sweep"}, {"type": "invalid_choice"}),
        ({"type": "add", "x": 5}, {"y": "required"}),
        ({"type": "add", "x": 5, "y": "3"}, {"y": "invalid"}),
        ({"type": "add", "x": 2**31, "y": 0}, {"x": "max_value"}),
        ({"type": "add", "x": 1, "y": 1, "seconds": 1}, {"seconds": "unknown_field"}),
        ({"type": "add", "x": 1, "y": 1, "job_id": "x"}, {"job_id": "unknown_field"}),
        ({"type": "long_running", "seconds": 11}, {"seconds": "max_value"}),
        ({"type": "long_running", "seconds": 0}, {"seconds": "min_value"}),
        ({"type": "process_data", "data": []}, {"data": "min_length"}),
        ({"type": "process_data", "data": [1] * 1001}, {"data": "max_length"}),
        ({"type": "process_data", "data": [1, "x"]}, {"data.1": "invalid"}),
    ],
)
def test_what_does_not_fit_is_refused(alice: Person, body: dict[str, Any], faults: dict[str, str]) -> None:
    answer = alice.post("tasks/", body)
    errors_of(answer)
    assert {error["field"]: error["code"] for error in answer.json["errors"]} == faults
    assert not Job.objects.exists()


def test_every_public_type_is_a_task() -> None:
    assert {f"jobs.{name}" for name in services.PUBLIC_TYPES} <= set(outbox.task_names())
