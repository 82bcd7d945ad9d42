"""The server as staff see it: stores, timetable, settings without secrets; the chain's check; everybody signed out."""

from http import HTTPStatus

import pytest
from django.conf import settings as present
from django.core import mail

from api.apis.audit import services as audit_services
from api.apis.jobs import services as jobs
from api.cms.views.system import SHOWN_SETTINGS
from api.models import AuditEntry, Job, OutboxMessage, Session
from api.platform import jobs as job_rows

pytestmark = pytest.mark.django_db


def test_the_page_says_how_the_stores_and_the_queue_do(staff):
    OutboxMessage.objects.create(task="jobs.sweep", due_at=None, failed_at="2026-01-01T00:00:00Z")
    page = staff.text("/cms/system/")
    for expected in ("database", "storage", "Queue", "Given up", present.VERSION, "ERASURE_GRACE_DAYS", "audit.seal"):
        assert expected in page


def test_the_timetable_tells_when_a_task_was_last_done(staff):
    assert "Not lately" in staff.text("/cms/system/")
    jobs.enqueue_schedule(present.SCHEDULE)
    while jobs.run_due():
        pass
    assert "Not lately" not in staff.text("/cms/system/")


def test_no_setting_that_is_shown_is_a_secret(staff):
    page = staff.text("/cms/system/")
    secrets = [
        value
        for name in dir(present)
        if "KEY" in name or "PASSWORD" in name or "TOKEN" in name
        if isinstance(value := getattr(present, name), str) and len(value) > 8
    ]
    assert secrets
    assert not any(secret in page for secret in secrets)
    assert not any(
        word in name for name in SHOWN_SETTINGS for word in ("KEY", "PASSWORD", "DATABASE", "REDIS", "BROKER")
    )


def test_the_chain_is_checked_by_a_job(staff, alice):
    assert staff.post("/cms/audit/check/")["Location"].startswith("/cms/audit/check/")
    job = Job.objects.get(type="audit.check")
    address = f"/cms/audit/check/{job.id}/"
    assert 'hx-trigger="every 1s"' in staff.text(address)
    jobs.run_due_job()
    page = staff.text(address)
    assert "It holds" in page
    assert "hx-trigger" not in page


def test_a_row_that_was_altered_is_found(staff, alice):
    audit_services.seal()
    AuditEntry.objects.filter(id=AuditEntry.objects.latest("id").id).update(action="nothing.happened")
    staff.post("/cms/audit/check/")
    jobs.run_due_job()
    page = staff.text(f"/cms/audit/check/{Job.objects.get(type='audit.check').id}/")
    assert "tampered with" in page
    assert "was altered" in page


def test_a_check_is_its_own_asker_s(staff, new_staff):
    staff.post("/cms/audit/check/")
    address = f"/cms/audit/check/{Job.objects.get(type='audit.check').id}/"
    assert new_staff("lea").get(address).status_code == HTTPStatus.NOT_FOUND


def test_an_entry_shows_before_and_after(staff, new_user):
    person = new_user()
    staff.post(f"/cms/users/{person.id}/deactivate/", reason="Asked for by mail")
    renamed = AuditEntry.objects.create(
        at="2026-01-01T00:00:00Z",
        action="org.renamed",
        channel="api",
        actor_kind="user",
        target_kind="organization",
        changes={"name": ["Old", "New"]},
        key_id="",
    )
    page = staff.text(f"/cms/audit/{renamed.id}/")
    assert "<del>Old</del>" in page
    assert "<ins>New</ins>" in page
    entry = AuditEntry.objects.get(action="user.deactivated")
    assert f'href="/cms/audit/{entry.id}/"' in staff.text("/cms/audit/")
    assert "“Asked for by mail”" in staff.text(f"/cms/audit/{entry.id}/")


def test_everybody_is_signed_out_after_a_fresh_proof(staff, alice, bob, new_staff, settings):
    assert Session.objects.filter(ended_at=None).exists()
    settings.FRESH_PROOF_SECONDS = 0
    answer = staff.post("/cms/system/everybody/", reason="Keys were stolen")
    assert answer["Location"].startswith("/cms/me/proof/")
    settings.FRESH_PROOF_SECONDS = 600
    other = new_staff("lea")
    assert staff.post("/cms/system/everybody/", reason="Keys were stolen").status_code == HTTPStatus.FOUND
    jobs.run_due_job()
    assert not Session.objects.filter(ended_at=None, live_device__isnull=False).exists()
    assert not staff.browser.is_in()
    assert not other.browser.is_in()
    assert AuditEntry.objects.get(action="session.everybody_ended").reason == "Keys were stolen"


@pytest.mark.parametrize("role", ["Support", "Operator", "Auditor"])
def test_nobody_but_admins_signs_everybody_out(new_staff, role):
    assert new_staff(roles=[role]).post("/cms/system/everybody/", reason="x").status_code == HTTPStatus.FORBIDDEN
    assert not Job.objects.exists()


def test_a_job_is_watched_and_called_off(staff, new_user):
    job = job_rows.begin(new_user().id, "jobs.long_running", {"seconds": 9}, type_="long_running")
    Job.objects.filter(id=job.id).update(progress=40)
    message = OutboxMessage.objects.get(job=job)
    page = staff.text(f"/cms/jobs/{message.id}/")
    assert '<progress max="100" value="40"' in page
    assert f'hx-get="/cms/jobs/{message.id}/"' in page
    assert '<progress max="100" value="40"' in staff.text("/cms/jobs/")
    assert staff.post(f"/cms/jobs/{message.id}/stop/", reason="Too long").status_code == HTTPStatus.FOUND
    assert Job.objects.get(id=job.id).state == "REVOKED"
    assert AuditEntry.objects.get(action="job.revoked").reason == "Too long"


def test_an_erasure_is_not_called_off(staff, new_user):
    person = new_user()
    job = job_rows.begin_erasure(person.id, "erasure.person", {"user_id": str(person.id)})
    message = OutboxMessage.objects.get(job=job)
    answer = staff.post(f"/cms/jobs/{message.id}/stop/", reason="Please")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "cannot be called off" in answer.content.decode()


def test_a_table_of_personal_data_takes_a_fresh_proof(staff, settings):
    assert staff.get("/cms/users/?as=csv").status_code == HTTPStatus.OK
    settings.FRESH_PROOF_SECONDS = 0
    answer = staff.get("/cms/users/?as=csv")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/cms/me/proof/")
    assert not AuditEntry.objects.filter(action="staff.list_exported", actor_id=str(staff.user.id)).count() > 1


def test_a_mail_is_tried_on_oneself(staff):
    fields = {"subject": "Hello", "body": "Your code: {{ code }}", "try": ""}
    page = staff.post("/cms/mails/auth.magic_code/", **fields).content.decode()
    assert "on its way to your own address" in page
    assert "Your code: {{ code }}" in page
    message = OutboxMessage.objects.get(task="notifications.send_sample")
    assert message.arguments["user_id"] == str(staff.user.id)
    jobs.run_due()
    assert [(sent.to, sent.subject) for sent in mail.outbox] == [([staff.user.email], "Hello")]
