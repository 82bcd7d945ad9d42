"""Erasures with real workers: killed at whatever moment, two at work on one, and beside an export of the same person. In the end
nothing of the person is anywhere but their id: not in a table, not in Redis, not in the broker, not in the storage.

ERASURE_KILLS says how many workers are killed.
"""

import hashlib
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.db.models import F
from django.utils import timezone
from handset_client import Call, Client
from handset_client.outcomes import accept

from api.models import AuditEntry, Contact, Export, Image, Job, JobState, Organization, OutboxMessage, User
from tests.apis.erasure.searching import places_of
from tests.buckets import BUCKET
from tests.faults.stores import OwnRedis
from tests.pictures import BOUNDARY, photo, picture_form
from tests.services.conftest import PASSWORD, Deployment
from tests.services.servers import Gunicorn, Process, manage, wait_until
from tests.services.test_exports_at_once import CONTACTS, IMAGES, begin, fill, runner

pytestmark = pytest.mark.services

KILLS = int(os.environ.get("ERASURE_KILLS", "3"))
NAME = "Wilhelmina Featherstonehaugh"


def give_up(phone: Client) -> str:
    return str(accept(phone.request("POST", "auth/delete/", {"password": PASSWORD})).json["id"])


def hurry(job_id: str) -> None:
    """Lets what would be waited for be over: calls that might be under way, leases, and what is tried again later."""
    now = timezone.now()
    subject = Job.objects.get(id=job_id).subject_id
    OutboxMessage.objects.filter(person_id=subject).update(created_at=now - timedelta(minutes=11))
    OutboxMessage.objects.filter(job_id=job_id, done_at=None).update(due_at=now)


def ended(job_id: str) -> bool:
    if Job.objects.get(id=job_id).state == JobState.SUCCESS:
        return True
    if not OutboxMessage.objects.filter(job_id=job_id, lease__isnull=False).exists():
        hurry(job_id)
    return False


def require_erased(job_id: str, person: User, own: Organization, files: Path) -> None:
    """Nothing is left, and each thing was counted once."""
    told = Job.objects.get(id=job_id).result
    assert told is not None
    assert told["rows"]["user"] == told["rows"]["organization"] == 1
    assert told["rows"]["contact"] == CONTACTS
    assert told["rows"]["image"] == IMAGES
    assert not User.objects.filter(id=person.id).exists()
    assert not Contact.objects.filter(organization_id=own.id).exists()
    assert not Image.objects.filter(organization_id=own.id).exists()
    assert not Export.objects.filter(organization_id=own.id).exists()
    assert AuditEntry.objects.filter(action="user.erased", target_id=str(person.id)).count() == 1
    assert [path for path in files.rglob("*") if path.is_file()] == []


@pytest.fixture
def files(tmp_path: Path) -> Path:
    OutboxMessage.objects.filter(done_at=None, failed_at=None).delete()  # what other tests have left
    return tmp_path / "files"


def test_killed_workers_erase_everything_and_count_it_once(deployed: Deployment, files: Path) -> None:
    phone = deployed.phone()
    person = deployed.person(phone)
    own = Organization.objects.get(personal_of=person)
    fill(own, files)
    job_id = give_up(phone)
    taken = OutboxMessage.objects.filter(job_id=job_id, lease__isnull=False)
    for _ in range(KILLS):
        hurry(job_id)
        OutboxMessage.objects.filter(job_id=job_id).update(lease=None)
        with runner(deployed, files) as worker:
            wait_until(lambda: taken.exists() or ended(job_id), "it is taken up", seconds=300)
            threading.Event().wait(random.uniform(0, 1.5))
            worker.kill()
        OutboxMessage.objects.filter(job_id=job_id, done_at=None).update(lease=None)
    with runner(deployed, files):
        wait_until(lambda: ended(job_id), "it is done", seconds=180)
    require_erased(job_id, person, own, files)


def test_an_export_that_is_under_way_ends_with_its_person(deployed: Deployment, files: Path) -> None:
    """Two processes: while one makes the archive, the other erases. Twice somebody finds the erasure's lease gone."""
    phone = deployed.phone()
    person = deployed.person(phone)
    own = Organization.objects.get(personal_of=person)
    fill(own, files)
    with runner(deployed, files), runner(deployed, files):
        export = begin(phone, own)
        wait_until(lambda: Job.objects.get(id=export).state != JobState.PENDING, "the export is at work", seconds=90)
        job_id = give_up(phone)
        for _ in range(2):
            taken = OutboxMessage.objects.filter(job_id=job_id, lease__isnull=False)
            wait_until(lambda: taken.exists() or ended(job_id), "the erasure is at work", seconds=60)  # noqa: B023 -- used at once
            taken.update(due_at=timezone.now(), attempts=F("attempts"))  # the other takes it up beside
        wait_until(lambda: ended(job_id), "the erasure is done", seconds=180)
        discards = OutboxMessage.objects.filter(task="export.discard", done_at=None)
        discards.update(due_at=timezone.now())
        wait_until(lambda: not discards.exists(), "what was begun is gone", seconds=60)
    require_erased(job_id, person, own, files)


@contextmanager
def of_its_own(
    deployed: Deployment, folder: Path, endpoint: str
) -> Iterator[tuple[Gunicorn, OwnRedis, dict[str, str]]]:
    """A server and a background process with a Redis of their own, which is the broker too, and a bucket."""
    (folder / "redis").mkdir(parents=True)
    redis = OwnRedis(folder / "redis")
    redis.client().config_set("rdbcompression", "no")
    environment = {
        **deployed.environment,
        "REDIS_STATE_URL": redis.url(0),
        "REDIS_CACHE_URL": redis.url(1),
        "CELERY_BROKER_URL": redis.url(2),
        "AWS_STORAGE_BUCKET_NAME": BUCKET,
        "AWS_S3_ENDPOINT_URL": endpoint,
        "AWS_S3_REGION_NAME": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    server = Gunicorn(environment, folder / "gunicorn.log")
    try:
        server.wait_until_up()
        yield server, redis, environment
    finally:
        server.stop()
        redis.kill()


def live(phone: Client, email: str) -> list[bytes]:
    """Somebody leaves traces everywhere; the digests of the files that they have sent."""
    picture, portrait = photo(400, 300), photo(300, 300)
    accept(phone.sign_up(email, PASSWORD))
    accept(phone.request("PATCH", "users/me/", {"first_name": NAME, "about": f"I am {NAME}."}))
    (own,) = accept(phone.request("GET", "orgs/")).json["data"]
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for path, content in (("users/avatar/", portrait), (f"images/orgs/{own['slug']}/images/", picture)):
        accept(phone.perform(Call("POST", path, body=picture_form(content), headers=kind)))
    accept(phone.request("POST", "contacts/", {"display_name": NAME, "notes": f"I am {email}"}))
    accept(phone.request("POST", "auth/magic/request/", {"email": email}))
    accept(phone.request("POST", f"orgs/{own['slug']}/export/"))
    stored = Image.objects.get(organization_id=own["id"]).sha256
    return [bytes(stored), *(hashlib.sha256(content).digest() for content in (picture, portrait))]


def test_a_search_of_all_stores_finds_nothing_but_ids(
    deployed: Deployment, files: Path, tmp_path: Path, endpoint: str, email: str
) -> None:
    email = f"w.{os.urandom(4).hex()}.{email}"
    keys: Any = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "eu-central-1"}
    storage = boto3.client("s3", endpoint_url=endpoint, **keys)
    before = _objects(storage)
    with of_its_own(deployed, tmp_path, endpoint) as (server, redis, environment):
        phone = deployed.phone(server.base_url)
        digests = live(phone, email)
        person = User.objects.get(email=email)
        needles = [email, NAME, person.username, *digests, *(digest.hex() for digest in digests)]
        process = Process(environment, tmp_path / "outbox.log", "manage.py", "run_outbox")
        try:
            exports = Job.objects.filter(owner=person, type="export", state=JobState.SUCCESS)
            wait_until(exports.exists, "the archive is there", seconds=90)
            # The search finds what is there.
            assert "user.email" in places_of(*needles)
            assert len(_objects(storage) - before) >= 4
            assert any(key in _remembered(redis) for key in (str(person.id).encode(), person.id.hex.encode()))
            job_id = give_up(phone)
            wait_until(lambda: ended(job_id), "it is done", seconds=180)
            OutboxMessage.objects.filter(done_at=None).update(due_at=timezone.now())
            wait_until(
                lambda: not OutboxMessage.objects.filter(done_at=None, failed_at=None).exists(),
                "all is done",
                seconds=90,
            )
        finally:
            process.stop()
        assert places_of(*needles) == []
        assert _objects(storage) == before
        remembered = _remembered(redis)
        found = [
            needle
            for needle in needles
            if (needle if isinstance(needle, bytes) else needle.lower().encode()) in remembered
        ]
        assert found == []
        assert AuditEntry.objects.filter(target_id=str(person.id), action="user.erased").count() == 1
        assert "rows of" in manage(environment, "verify_audit")  # which fails where the chain does not hold
    storage.close()


def _remembered(redis: OwnRedis) -> bytes:
    """All that a Redis has, of all its databases."""
    redis.client().save()
    return (redis.folder / "dump.rdb").read_bytes().lower()


def _objects(storage: Any) -> set[str]:
    return {found["Key"] for found in storage.list_objects_v2(Bucket=BUCKET).get("Contents", ())}
