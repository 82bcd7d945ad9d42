"""`manage.py audit_media`: what is in the store and belongs to nothing, and what should be there and is not."""

import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from handset_client import Call

from api.models import Image, Organization
from api.platform import images, media, storage
from tests.apis.images.pictures import FORM, path_of, run_outbox, stored, upload
from tests.apis.images.rows import make_image
from tests.conftest import Person
from tests.pictures import Field, form, photo, picture_form

pytestmark = pytest.mark.django_db


def days_later(days: float = 3) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


def audit(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[list[str]], str]:
    """How the command ends; its lines, and the last one."""
    status = 0
    try:
        call_command("audit_media", *arguments)
    except SystemExit as end:
        assert isinstance(end.code, int)
        status = end.code
    lines = capsys.readouterr().out.splitlines()
    return status, [line.split("\t") for line in lines[:-1]], lines[-1]


def test_whatever_the_product_stores_has_its_row(
    alice: Person, team: Organization, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(alice, team, photo(90, 70))
    avatar = picture_form(photo(90, 70))
    assert alice.phone.perform(Call("POST", "users/avatar/", body=avatar, headers=FORM)).status == 200
    digest = base64.b64encode(hashlib.sha256(b"picture").digest()).decode()
    announced = {"bytes": 7, "media_type": "image/jpeg", "sha256": digest}
    begun = alice.post(path_of(team, "uploads/"), announced).json["form"]
    sent = form(
        *(Field(name, value.encode()) for name, value in begun["fields"].items()), Field("file", b"picture", "x")
    )
    assert alice.transport.call("POST", begun["url"], FORM, sent).status == 204
    table = form(Field("file", b"display_name\r\nGrace\r\n", "people.csv", "text/csv"))
    assert alice.phone.perform(Call("POST", "contacts/import/", body=table, headers=FORM)).status == 202
    assert alice.post(f"orgs/{team.slug}/export/").status == 202
    run_outbox()
    assert {f"{name.split('/')[0]}/" for name in stored(files)} == media.PREFIXES.keys()
    with days_later(1.5):
        assert audit(capsys, "--older-than", "1h") == (0, [], "0 stray, 0 missing, 0 foreign")


def test_objects_without_rows_are_listed_and_deleted(
    alice: Person, team: Organization, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = upload(alice, team, photo(90, 70))
    name = Image.objects.get(id=kept["id"]).name
    strays = [f"{name}/original.webp", f"{images.new_name()}/thumb.webp", "imports/abc", "avatars/x/y.webp"]
    for stray in (*strays, "other/file.txt"):
        storage.save(stray, b"12345")
    assert audit(capsys)[2] == "0 stray, 0 missing, 1 foreign"
    assert audit(capsys, "--older-than", "0h")[2] == "0 stray, 0 missing, 1 foreign"  # may still get their rows
    with days_later(1.1):
        status, lines, told = audit(capsys)
        assert (status, told) == (1, "3 stray, 0 missing, 1 foreign")
        assert {(line[0], line[1]) for line in lines} == {
            *(("stray", name) for name in strays if name != "imports/abc"),
            ("foreign", "other/file.txt"),
        }
        assert lines[0][2] == "5 bytes"
        assert audit(capsys, "--older-than", "2d")[0] == 0
        assert len(stored(files)) == 10
        assert audit(capsys, "--delete")[::2] == (0, "3 stray (deleted), 0 missing, 1 foreign")
    with days_later(4):
        assert audit(capsys, "--delete")[::2] == (0, "1 stray (deleted), 0 missing, 1 foreign")
    assert stored(files) == sorted([*images.objects_of_image(name, "image/jpeg"), "other/file.txt"])


def test_rows_whose_objects_are_gone_are_listed_and_left(
    alice: Person, team: Organization, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(alice, team)
    with days_later():
        status, lines, told = audit(capsys, "--delete")
    assert (status, told) == (1, "0 stray (deleted), 5 missing, 0 foreign")
    assert sorted(lines) == [["missing", name, f"image {image.id}"] for name in sorted(image_objects(image))]
    assert Image.objects.count() == 1


def image_objects(image: Image) -> list[str]:
    return images.objects_of_image(image.name, image.media_type)


def test_what_changes_meanwhile_is_no_finding(alice: Person, team: Organization, files: Path) -> None:
    gone, made = make_image(alice, team), make_image(alice, team)
    with media.audited() as findings:
        gone.delete()
        for name in image_objects(made):
            storage.save(name, b"x")
        assert list(findings.missing()) == []
        assert list(findings.strays(older_than=timedelta())) == []


def test_neither_side_is_read_at_once(
    alice: Person, team: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        make_image(alice, team)
    monkeypatch.setattr(media, "_ROWS_AT_ONCE", 2)
    with CaptureQueriesContext(connection) as queries, media.audited() as findings:
        assert len(list(findings._ledger.absent())) == 25
    of_images = [query["sql"] for query in queries if 'FROM "image"' in query["sql"].replace("`", '"')]
    assert len(of_images) == 4  # two pages of two, one of one, and the empty one
    assert all("LIMIT 2" in sql for sql in of_images)


@pytest.mark.parametrize("wrong", ["1", "d", "-1d", "1w"])
def test_an_age_has_a_unit(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="a number of hours or days"):
        call_command("audit_media", f"--older-than={wrong}")
