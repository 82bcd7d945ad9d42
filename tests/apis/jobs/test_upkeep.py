"""Keeping house: the storage is compared with the rows every day, and an old database of places is spoken of."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from api.apis.jobs import services
from api.models import Image, Job, JobState, Organization
from api.platform import jobs, outbox
from tests.apis.images.pictures import stored, upload
from tests.conftest import LogLines, Person
from tests.geography import database

pytestmark = pytest.mark.django_db


def run_all() -> None:
    while services.run_due():
        pass


def test_what_no_row_names_is_deleted_after_a_week(alice: Person, files: Path, log_lines: LogLines) -> None:
    upload(alice, Organization.objects.get(personal_of=alice.user))
    run_all()
    kept = stored(files)
    for name, days in (("old", 9), ("new", 5)):
        path = files / "images" / name / "original.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"stray")
        moment = (timezone.now() - timedelta(days=days)).timestamp()
        os.utime(path, (moment, moment))
    outbox.enqueue("jobs.sweep_media")
    run_all()
    job = Job.objects.get(type="jobs.audit_media")
    assert (job.state, job.result) == (JobState.SUCCESS, {"deleted": 1, "missing": 0, "foreign": 0})
    assert set(stored(files)) == {*kept, "images/new/original.jpg"}
    name = Image.objects.get().name
    (files / name / "original.jpg").unlink()
    outbox.enqueue("jobs.sweep_media")
    run_all()
    assert Job.objects.latest("created_at").result == {"deleted": 0, "missing": 1, "foreign": 0}
    assert "media.missing" in {line["event"] for line in log_lines}


def test_one_is_at_it_at_a_time(files: Path) -> None:
    for _ in range(2):
        jobs.begin_upkeep("jobs.audit_media")
    assert Job.objects.count() == 1
    run_all()
    jobs.begin_upkeep("jobs.audit_media")
    assert Job.objects.count() == 2


@pytest.mark.parametrize(("days", "is_told"), [(59, False), (62, True)])
def test_a_database_of_places_that_is_old_is_spoken_of(
    tmp_path: Path, settings: Any, log_lines: LogLines, days: int, *, is_told: bool
) -> None:
    path = tmp_path / "places.mmdb"
    path.write_bytes(database({}))
    settings.GEOIP_PATH = str(path)
    built_at = datetime.fromtimestamp(1_795_253_400, UTC)
    with time_machine.travel(built_at + timedelta(days=days), tick=False):
        outbox.enqueue("jobs.check_places")
        run_all()
    assert ("places.old" in {line["event"] for line in log_lines}) is is_told


def test_both_happen_every_day() -> None:
    assert settings.SCHEDULE["jobs.sweep_media"] == settings.SCHEDULE["jobs.check_places"] == 86_400
