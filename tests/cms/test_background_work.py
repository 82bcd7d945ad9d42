"""Background work in the CMS: what is where, why it failed, trying again, discarding."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from api.apis.jobs import services as jobs
from api.exceptions import Forbidden
from api.models import ActorKind, AuditEntry, Channel, Job, JobState, OutboxMessage
from api.models.base import uuid7
from api.platform import outbox
from api.platform.callers import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_else(staff):
    OutboxMessage.objects.all().delete()


@pytest.fixture
def failed() -> OutboxMessage:
    """A mail that nobody took, ten times."""
    return OutboxMessage.objects.create(
        task="auth.mail_proof",
        arguments={"proof_id": str(uuid7())},
        due_at=None,
        attempts=outbox.ATTEMPTS,
        failed_at=timezone.now(),
        last_error="MailNotTaken: mailbox <full>",
    )


def listed(page: str) -> list[str]:
    return re.findall(r'<th role="rowheader" scope="row"><a href="/cms/jobs/([^/]+)/">', page)


def test_each_state_lists_its_own(staff, failed):
    now = timezone.now()
    rows = {
        "failed": failed,
        "waiting": OutboxMessage.objects.create(task="auth.sweep"),
        "running": OutboxMessage.objects.create(task="auth.sweep", lease=uuid7(), due_at=now + timedelta(minutes=5)),
        "done": OutboxMessage.objects.create(task="auth.sweep", due_at=None, done_at=now),
    }
    for state, row in rows.items():
        assert listed(staff.text(f"/cms/jobs/?state={state}")) == [str(row.id)], state
    assert len(listed(staff.text("/cms/jobs/"))) == 4


def test_a_lease_that_ran_out_waits_again(staff):
    past = timezone.now() - timedelta(minutes=1)
    row = OutboxMessage.objects.create(task="auth.sweep", lease=uuid7(), due_at=past)
    assert listed(staff.text("/cms/jobs/?state=waiting")) == [str(row.id)]


def test_pages_follow_one_another(staff, settings):
    settings.PAGE_LIMIT_DEFAULT = 2
    ids = [str(OutboxMessage.objects.create(task="auth.sweep").id) for _ in range(3)]
    page = staff.text("/cms/jobs/")
    behind = re.search(r'rel="next" href="([^"]+)"', page)
    assert behind is not None
    assert [*listed(page), *listed(staff.text(f"/cms/jobs/{behind[1]}"))] == sorted(ids, reverse=True)


def test_the_reason_is_told_as_text(staff, failed):
    for address in ("/cms/jobs/?state=failed", f"/cms/jobs/{failed.id}/"):
        assert "MailNotTaken: mailbox &lt;full&gt;" in staff.text(address)
    assert failed.arguments["proof_id"] in staff.text(f"/cms/jobs/{failed.id}/")


def test_a_failed_mail_is_tried_again(staff, failed):
    answer = staff.post(f"/cms/jobs/{failed.id}/retry/", reason="The provider is back")
    assert (answer.status_code, answer["Location"]) == (302, f"/cms/jobs/{failed.id}/")
    failed.refresh_from_db()
    assert (failed.failed_at, failed.attempts) == (None, 0)
    assert [message.id for message in outbox.claim(most=9)] == [failed.id]
    entry = AuditEntry.objects.get(action="outbox.retried")
    assert (entry.actor_id, entry.target_id, entry.reason) == (
        str(staff.user.id),
        str(failed.id),
        "The provider is back",
    )


def test_a_job_that_is_tried_again_is_open_again_and_may_succeed(staff, alice):
    job = Job.objects.create(owner=alice.user, type="add", state=JobState.FAILURE, ended_at=timezone.now())
    message = OutboxMessage.objects.create(
        task="jobs.add",
        arguments={"job_id": str(job.id), "x": 2, "y": 3},
        job=job,
        due_at=None,
        failed_at=timezone.now(),
    )
    staff.post(f"/cms/jobs/{message.id}/retry/", reason="Mended")
    job.refresh_from_db()
    assert (job.state, job.ended_at) == (JobState.RETRY, None)
    jobs.run_due_job()
    job.refresh_from_db()
    assert (job.state, job.result) == (JobState.SUCCESS, {"sum": 5})


def test_a_failed_mail_is_discarded(staff, failed):
    answer = staff.post(f"/cms/jobs/{failed.id}/discard/", reason="Sent by hand")
    assert (answer.status_code, answer["Location"]) == (302, "/cms/jobs/")
    assert not OutboxMessage.objects.filter(id=failed.id).exists()
    assert AuditEntry.objects.get(action="outbox.discarded").changes == {"task": ["auth.mail_proof", None]}
    assert "is discarded" in staff.text("/cms/jobs/")


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_looking_and_missing_reasons_change_nothing(staff, failed, verb):
    staff.text(f"/cms/jobs/{failed.id}/{verb}/")
    assert staff.post(f"/cms/jobs/{failed.id}/{verb}/", reason=" ").status_code == 422
    failed.refresh_from_db()
    assert failed.failed_at is not None


@pytest.mark.parametrize("verb", ["retry", "discard"])
@pytest.mark.parametrize("columns", [{}, {"due_at": None, "done_at": timezone.now()}])
def test_what_has_not_failed_is_left_alone(staff, verb, columns):
    message = OutboxMessage.objects.create(task="auth.sweep", **columns)
    assert staff.post(f"/cms/jobs/{message.id}/{verb}/", reason="why not").status_code == 409
    assert OutboxMessage.objects.filter(id=message.id).exists()
    assert not AuditEntry.objects.filter(action__startswith="outbox.").exists()


def test_the_services_ask_for_the_role(failed):
    nobody = Caller(kind=ActorKind.STAFF, channel=Channel.CMS, duties=frozenset({"outbox.read"}))
    for change in (jobs.retry_message, jobs.discard_message):
        with pytest.raises(Forbidden):
            change(nobody, message_id=failed.id)


def test_an_auditor_is_offered_nothing(new_staff, failed):
    page = new_staff("lea", roles=["Auditor"]).text(f"/cms/jobs/{failed.id}/")
    assert "Try again…" not in page
    assert "Discard…" not in page
