"""Stores fail while jobs are at work: the storage answers 500, not at all, or half; Redis forgets; the broker is gone and
comes back empty. Nothing is lost, nothing is done twice, and what callers are told is true.
"""

import io
import json
import os
import signal
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.conf import settings
from django.utils import timezone
from handset_client import Client
from handset_client.outcomes import accept
from kombu import Connection
from kombu.exceptions import OperationalError

from api.models import Export, Job, JobState, Organization, OutboxMessage
from api.platform import state
from core.celery import app as celery
from tests.buckets import BUCKET
from tests.faults.proxy import Proxy
from tests.faults.stores import OwnRedis, rest
from tests.services.conftest import Deployment
from tests.services.gateway import Fault, Gateway
from tests.services.servers import Process, wait_until
from tests.services.test_exports_at_once import CONTACTS, IMAGES, begin, fill, require_whole, runner

pytestmark = pytest.mark.services


@pytest.fixture
def gateway(endpoint: str) -> Iterator[Gateway]:
    gateway = Gateway(endpoint)
    try:
        yield gateway
    finally:
        gateway.close()


@pytest.fixture
def storage(endpoint: str) -> Iterator[Any]:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1", **keys)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def phone_with_much(deployed: Deployment, tmp_path: Path) -> tuple[Client, Organization, Path]:
    OutboxMessage.objects.filter(done_at=None, failed_at=None).delete()  # what other tests have left
    phone = deployed.phone()
    own = Organization.objects.get(personal_of=deployed.person(phone))
    fill(own, tmp_path / "files")
    return phone, own, tmp_path / "files"


@pytest.mark.parametrize("fault", Fault)
def test_an_export_waits_for_a_storage_that_fails(
    fault: Fault,
    deployed: Deployment,
    phone_with_much: tuple[Client, Organization, Path],
    gateway: Gateway,
    storage: Any,
    tmp_path: Path,
) -> None:
    phone, own, files = phone_with_much
    for path in files.rglob("*.jpg"):
        storage.put_object(Bucket=BUCKET, Key=str(path.relative_to(files)), Body=path.read_bytes())
    before = _archives(storage)
    where = {
        "AWS_STORAGE_BUCKET_NAME": BUCKET,
        "AWS_S3_ENDPOINT_URL": gateway.url,
        "AWS_S3_REGION_NAME": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    gateway.fail_after(IMAGES // 2, fault)
    process = Process({**deployed.environment, **where}, tmp_path / "log", "manage.py", "run_outbox")
    try:
        export = begin(phone, own)
        told = partial(_told, phone, own, export)
        wait_until(lambda: told()["state"] == JobState.RETRY, "the export waits", seconds=180)
        assert gateway.refused > 0
        assert (told()["error"], told()["url"]) == ("temporarily_unavailable", None)
        assert begin(phone, own) == export  # it is still this one
        gateway.recover()
        OutboxMessage.objects.filter(job_id=export).update(due_at=timezone.now())
        wait_until(lambda: told()["state"] == JobState.SUCCESS, "the export is done", seconds=120)
        discards = OutboxMessage.objects.filter(task="export.discard", done_at=None)
        discards.update(due_at=timezone.now())
        wait_until(lambda: not discards.exists(), "what was begun is gone", seconds=60)
    finally:
        process.stop()
    name = Export.objects.get(id=export).name
    assert _archives(storage) - before == {name}
    assert storage.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
    content = storage.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    (tmp_path / "archive.zip").write_bytes(content)
    assert require_whole(tmp_path / "archive.zip")["contacts"] == CONTACTS
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len([path for path in archive.namelist() if path.startswith("images/")]) == IMAGES
        assert json.loads(archive.read("manifest.json"))["missing"] == []


def _archives(storage: Any) -> set[str]:
    return {found["Key"] for found in storage.list_objects_v2(Bucket=BUCKET, Prefix="exports/").get("Contents", ())}


def _told(phone: Client, own: Organization, export: str) -> dict[str, Any]:
    told: dict[str, Any] = accept(phone.request("GET", f"orgs/{own.slug}/export/{export}/")).json
    return told


def test_an_export_does_not_notice_that_redis_forgets(
    deployed: Deployment, phone_with_much: tuple[Client, Organization, Path]
) -> None:
    phone, own, files = phone_with_much
    with runner(deployed, files):
        export = begin(phone, own)
        wait_until(lambda: Job.objects.get(id=export).state != JobState.PENDING, "it has begun", seconds=60)
        with state.guarded() as redis:
            redis.flushdb()
            redis.set("services:alone", 1)  # we have emptied it, and nobody else
        wait_until(lambda: _told(phone, own, export)["state"] == JobState.SUCCESS, "it is done", seconds=120)
    assert OutboxMessage.objects.get(job_id=export).attempts == 1
    assert require_whole(files / Export.objects.get(id=export).name)["contacts"] == CONTACTS


@contextmanager
def own_redis(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A broker that is killed, and comes back empty."""
    folder.mkdir()
    redis = OwnRedis(folder)

    def fail() -> None:
        redis.kill()
        rest(3)
        redis.start()

    try:
        yield redis.url(0), fail
    finally:
        redis.kill()


@contextmanager
def rabbitmq_behind_a_proxy(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A broker that falls silent, and cuts everybody off."""
    proxy = Proxy(5672)

    def fail() -> None:
        proxy.silence()
        rest(3)
        proxy.reset()

    try:
        yield f"amqp://guest:guest@127.0.0.1:{proxy.port}//", fail
    finally:
        proxy.close()


class Beat:
    """Sends what beat sends, to a queue of this run's own; what does not arrive is not sent again."""

    def __init__(self, url: str, queue: str) -> None:
        self._url, self._queue = url, queue
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(0.5):
            with suppress(OSError, OperationalError), Connection(self._url, connect_timeout=1) as broker:
                for task in ("outbox.run", "outbox.run_job"):
                    celery.send_task(task, queue=self._queue, connection=broker, expires=2, retry=False)

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()


@contextmanager
def worker(deployed: Deployment, url: str, files: Path) -> Iterator[Process]:
    """A worker of Celery with one process that executes, on a queue of its own."""
    queue = f"{deployed.database}-failing"
    environment = {**deployed.environment, "CELERY_BROKER_URL": url, "FILES_PATH": str(files)}
    command = ("-m", "celery", "-A", "core.celery:app", "worker", "--concurrency=1", "-Q", queue)
    flags = ("--without-gossip", "--without-mingle", "-n", f"{queue}@%h")
    process, beat = Process(environment, deployed.folder / "failing-celery.log", *command, *flags), Beat(url, queue)
    try:
        yield process
    finally:
        beat.stop()
        process.stop()
        with suppress(OSError, OperationalError), Connection(url, connect_timeout=2) as broker:
            broker.default_channel.queue_delete(queue)


@pytest.mark.parametrize("broker", [own_redis, rabbitmq_behind_a_proxy])
def test_jobs_outlive_their_broker(
    deployed: Deployment,
    phone_with_much: tuple[Client, Organization, Path],
    broker: Callable[[Path], Any],
    tmp_path: Path,
) -> None:
    phone, own, files = phone_with_much
    with broker(tmp_path / "broker") as (url, fail), worker(deployed, url, files):
        first = accept(phone.request("POST", "tasks/", {"type": "long_running", "seconds": 4})).json["id"]
        wait_until(lambda: Job.objects.get(id=first).state == JobState.STARTED, "the worker works", seconds=90)
        export = begin(phone, own)
        sums = [
            accept(phone.request("POST", "tasks/", {"type": "add", "x": number, "y": 1})).json["id"]
            for number in range(5)
        ]
        fail()
        jobs = Job.objects.filter(id__in=[first, export, *sums])
        wait_until(lambda: jobs.filter(state=JobState.SUCCESS).count() == 7, "all are done", seconds=120)
    assert set(OutboxMessage.objects.filter(job__in=jobs).values_list("attempts", "failures")) == {(1, 0)}
    assert sorted(job.result["sum"] for job in jobs if job.result and "sum" in job.result) == [1, 2, 3, 4, 5]
    assert require_whole(files / Export.objects.get(id=export).name)["contacts"] == CONTACTS


def test_a_worker_of_celery_that_is_told_to_end_hands_its_job_back(
    deployed: Deployment, phone_with_much: tuple[Client, Organization, Path], tmp_path: Path
) -> None:
    phone, _, files = phone_with_much
    job_id = accept(phone.request("POST", "tasks/", {"type": "long_running", "seconds": 10})).json["id"]
    job = Job.objects.filter(id=job_id)
    with worker(deployed, settings.CELERY_BROKER_URL, files) as first:
        wait_until(lambda: job.get().state == JobState.STARTED, "the job is at work", seconds=90)
        os.kill(first.pid, signal.SIGTERM)
        wait_until(lambda: job.get().state == JobState.PENDING, "the job is handed back", seconds=8)
        wait_until(lambda: not first.is_running, "the worker has gone", seconds=30)
        message = OutboxMessage.objects.get(job_id=job_id)
        assert (message.attempts, message.failures, message.lease) == (0, 0, None)
