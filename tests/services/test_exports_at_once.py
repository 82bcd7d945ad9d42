"""Exports whose workers are killed, at whatever moment: in the end each has one archive, whole, and nothing else is there.

EXPORT_KILLS says how many are killed; what happened is written to exports.log in the deployment's folder.
"""

import hashlib
import json
import os
import random
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from handset_client import Client
from handset_client.outcomes import accept

from api.apis.contacts.services.changing import BLANK
from api.models import Contact, Export, Image, Job, JobState, Organization, OutboxMessage
from tests.services.conftest import Deployment
from tests.services.servers import Process, wait_until

pytestmark = pytest.mark.services

KILLS = int(os.environ.get("EXPORT_KILLS", "3"))
CONTACTS, IMAGES, IMAGE_BYTES = 6_000, 60, 200_000


@contextmanager
def runner(deployed: Deployment, files: Path) -> Iterator[Process]:
    environment = {**deployed.environment, "FILES_PATH": str(files)}
    process = Process(environment, deployed.folder / "exports-run_outbox.log", "manage.py", "run_outbox")
    try:
        yield process
    finally:
        process.stop()


def fill(organization: Organization, files: Path) -> None:
    """Enough to take a while."""
    count = organization.change_seq
    rows = [
        Contact(
            organization=organization,
            slug=f"many-{number}-{organization.id}",
            change_seq=count + number + 1,
            **{**BLANK, "display_name": f"Grace {number}", "display_name_key": f"grace {number}", "notes": "x" * 500},
            first_name_key="",
            last_name_key="",
            email_key="",
        )
        for number in range(CONTACTS)
    ]
    Contact.objects.bulk_create(rows, batch_size=1000)
    for number in range(IMAGES):
        name = f"images/{organization.id.hex}{number}"
        (files / name).mkdir(parents=True)
        (files / name / "original.jpg").write_bytes(os.urandom(IMAGE_BYTES))
        Image.objects.create(
            organization=organization,
            name=name,
            media_type="image/jpeg",
            width=1,
            height=1,
            size_bytes=IMAGE_BYTES,
            sha256=bytes(32),
            dominant_color="#000000",
            thumbhash=b"",
            change_seq=count + CONTACTS + number + 1,
        )
    Organization.objects.filter(id=organization.id).update(change_seq=count + CONTACTS + IMAGES + 1)


def begin(phone: Client, organization: Organization) -> str:
    return str(accept(phone.request("POST", f"orgs/{organization.slug}/export/")).json["id"])


def require_whole(path: Path) -> dict[str, int]:
    """The counts of an archive in which everything is as its manifest says."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["missing"] == []
        assert {entry["path"] for entry in manifest["files"]} == {*archive.namelist()} - {"manifest.json"}
        for entry in manifest["files"]:
            content = archive.read(entry["path"])
            assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    counts: dict[str, int] = manifest["counts"]
    return counts


def test_killed_workers_leave_one_whole_archive_and_nothing_else(deployed: Deployment, tmp_path: Path) -> None:
    files = tmp_path / "files"
    OutboxMessage.objects.filter(done_at=None, failed_at=None).delete()  # what other tests have left
    phone = deployed.phone()
    person = deployed.person(phone)
    own = Organization.objects.get(personal_of=person)
    fill(own, files)
    jobs: list[str] = []
    lines: list[str] = []
    for kill in range(KILLS):
        if not jobs or Job.objects.get(id=jobs[-1]).state == JobState.SUCCESS:
            jobs.append(begin(phone, own))
        job = Job.objects.filter(id=jobs[-1])
        OutboxMessage.objects.filter(job_id=jobs[-1], done_at=None).update(due_at=timezone.now(), lease=None)
        with runner(deployed, files) as worker:
            wait_until(lambda: _is_taken_up(jobs[-1]), "the export is taken up", seconds=300)
            threading.Event().wait(random.uniform(0, 1.5))
            worker.kill()
        state, progress = job.values_list("state", "progress").get()
        lines.append(f"kill {kill + 1}: export {len(jobs)} was {state} at {progress} %")
    _finish(deployed, files, jobs)
    archives = sorted(path for path in files.rglob("*") if path.is_file() and "exports" in path.parts)
    lines.append(f"{len(jobs)} exports, {len(archives)} objects under exports/: {[path.name for path in archives]}")
    (deployed.folder / "exports.log").write_text("\n".join(lines) + "\n")
    assert sorted(Export.objects.filter(id__in=jobs).values_list("name", flat=True)) == [
        str(path.relative_to(files)) for path in archives
    ]
    for path in archives:
        assert require_whole(path)["contacts"] == CONTACTS


def _is_taken_up(job_id: str) -> bool:
    message = OutboxMessage.objects.filter(job_id=job_id)
    return message.filter(lease__isnull=False).exists() or message.filter(done_at__isnull=False).exists()


def _finish(deployed: Deployment, files: Path, jobs: list[str]) -> None:
    """Lets a worker that nobody kills finish, and clear up what is due within the hour."""
    messages = OutboxMessage.objects.filter(done_at=None)
    with runner(deployed, files):
        messages.filter(job_id__in=jobs).update(due_at=timezone.now(), lease=None)
        ended = Job.objects.filter(id__in=jobs, state=JobState.SUCCESS)
        wait_until(lambda: ended.count() == len(jobs), "all are done", seconds=120)
        messages.filter(task="export.discard").update(due_at=timezone.now())
        wait_until(lambda: not messages.filter(task="export.discard").exists(), "all is cleared up", seconds=60)


def test_the_archive_is_one_moment_while_others_write(deployed: Deployment, tmp_path: Path) -> None:
    """Writers add a contact and count it in the organization's name, in one transaction: in the archive the two agree."""
    from django.db import transaction

    files = tmp_path / "files"
    phone = deployed.phone()
    own = Organization.objects.get(personal_of=deployed.person(phone))
    fill(own, files)
    stop = threading.Event()

    def write() -> int:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                with transaction.atomic():
                    locked = Organization.objects.select_for_update().get(id=own.id)
                    locked.change_seq += 1
                    locked.name = str(CONTACTS + number)
                    locked.save(update_fields=["name", "change_seq"])
                    Contact.objects.create(
                        organization=own,
                        slug=f"later-{number}-{own.id}",
                        change_seq=locked.change_seq,
                        **{**BLANK, "display_name": "Later"},
                        display_name_key="later",
                        first_name_key="",
                        last_name_key="",
                        email_key="",
                    )
        finally:
            connection.close()
        return number

    Organization.objects.filter(id=own.id).update(name=str(CONTACTS))
    with ThreadPoolExecutor(1) as pool, runner(deployed, files):
        written = pool.submit(write)
        job_id = begin(phone, own)
        job = Job.objects.filter(id=job_id, state=JobState.SUCCESS)
        try:
            wait_until(job.exists, "it is done", seconds=60)
        finally:
            stop.set()
        assert written.result(30) > 1
    name = Export.objects.get(id=job_id).name
    counts = require_whole(files / name)
    with zipfile.ZipFile(files / name) as archive:
        said = int(json.loads(archive.read("organization.jsonl"))["name"])
    assert counts["contacts"] == said > CONTACTS
