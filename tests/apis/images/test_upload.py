"""`POST images/orgs/<org_slug>/images/`: one picture in, its normalised original and four variants out, or nothing at all."""

import base64
import hashlib
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from PIL import Image as Picture
from PIL.ExifTags import GPS, IFD, Base

from api.models import AuditEntry, Image, Organization
from api.models.base import uuid7
from api.platform import storage
from tests.apis.images.pictures import load, opened, path_of, run_outbox, send, stored, upload
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.pictures import Field, corners_of, encoded, photo, png_saying, quarters

pytestmark = pytest.mark.django_db

AS_SEEN = ["red", "lime", "blue", "white"]
OBJECTS = ["large.webp", "medium.webp", "original.jpg", "small.webp", "thumb.webp"]


def a_day_later() -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(days=1), tick=False)


def picture_of(content: bytes) -> Field:
    return Field("file", content, "me.jpg", "image/jpeg")


def test_an_original_and_four_variants_that_can_be_loaded(alice: Person, team: Organization, files: Path) -> None:
    image = upload(alice, team, photo(2400, 1800), title="Quarters", alt_text="Four colours")
    assert (image["width"], image["height"], image["media_type"]) == (2400, 1800, "image/jpeg")
    assert (image["title"], image["description"], image["alt_text"]) == ("Quarters", "", "Four colours")
    assert (image["organization"], image["creator"], image["version"]) == (team.slug, alice.user.username, 1)
    sizes = {"large": (1600, 1200), "medium": (800, 600), "small": (400, 300), "thumb": (160, 120)}
    assert image["variants"].keys() == sizes.keys()
    for name, size in sizes.items():
        variant = image["variants"][name]
        assert (variant["width"], variant["height"]) == size
        answer = load(alice, variant["url"])
        assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
        assert answer.headers["cache-control"].startswith("private")
        assert opened(answer.body).size == size
        assert corners_of(answer.body) == AS_SEEN
    original = load(alice, image["url"])
    assert original.headers["content-type"] == "image/jpeg"
    assert corners_of(original.body) == AS_SEEN
    assert (image["bytes"], image["sha256"]) == (len(original.body), hashlib.sha256(original.body).hexdigest())
    assert 20 <= len(base64.b64decode(image["thumbhash"])) <= 25
    assert image["dominant_color"] in {"#ff0000", "#00ff00", "#0000ff", "#ffffff", "#fe0000", "#0000fe", "#00ff01"}
    name = Image.objects.get(id=image["id"]).name
    assert stored(files) == [f"{name}/{suffix}" for suffix in OBJECTS]
    assert alice.get(path_of(team, f"images/{image['id']}/")).json == image
    run_outbox()
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 5
    assert AuditEntry.objects.get(action="image.created").target_id == image["uid"]


def test_variants_are_never_larger_than_the_picture(alice: Person, team: Organization, files: Path) -> None:
    image = upload(alice, team, photo(1, 1, "PNG"))
    assert {(v["width"], v["height"]) for v in image["variants"].values()} == {(1, 1)}
    image = upload(alice, team, photo(500, 3, "PNG"))
    assert [(v["width"], v["height"]) for v in image["variants"].values()] == [(500, 3), (500, 3), (400, 2), (160, 1)]


def test_nothing_that_a_camera_says_comes_out(alice: Person, team: Organization, files: Path) -> None:
    exif = Picture.Exif()
    exif[Base.Orientation], exif[Base.Artist] = 6, "CANARY"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (47.0, 22.0, 12.5)
    lying = quarters(300, 200).transpose(Picture.Transpose.ROTATE_90)
    content = encoded(lying, "JPEG", exif=exif, comment=b"CANARY", xmp=b"<x:xmpmeta>CANARY</x:xmpmeta>")
    content = content[:2] + b"\xff\xed\x00\x1cPhotoshop 3.0\x008BIMCANARY" + content[2:] + photo(40, 30)
    image = upload(alice, team, content)
    assert (image["width"], image["height"]) == (300, 200)
    assert corners_of(load(alice, image["variants"]["large"]["url"]).body) == AS_SEEN
    original = load(alice, image["url"]).body
    for path in files.rglob("*.*"):
        assert b"CANARY" not in path.read_bytes()
    told = opened(original).getexif()
    assert dict(told) == {Base.Orientation: 6}  # its pixels are not written anew: it says how it is to be held
    assert not told.get_ifd(IFD.GPSInfo)
    assert opened(original).tobytes() == opened(content).tobytes()


def test_other_kinds_are_written_anew_upright(alice: Person, team: Organization, files: Path) -> None:
    exif = Picture.Exif()
    exif[Base.Orientation] = 3
    image = upload(alice, team, encoded(quarters(300, 200).transpose(Picture.Transpose.ROTATE_180), "PNG", exif=exif))
    original = load(alice, image["url"]).body
    assert (opened(original).format, corners_of(original)) == ("JPEG", AS_SEEN)
    assert not opened(original).getexif()
    clear = upload(alice, team, encoded(Picture.new("RGBA", (90, 70), (0, 0, 250, 100)), "PNG"))
    assert clear["media_type"] == "image/webp"
    pixel = opened(load(alice, clear["url"]).body).getpixel((9, 9))
    assert isinstance(pixel, tuple)
    assert pixel[3] == 100


def test_a_repeat_under_its_own_uid_is_the_same_image(
    alice: Person, bob: Person, team: Organization, files: Path
) -> None:
    uid = Field("uid", str(uuid7()).encode())
    first = send(alice, team, picture_of(photo(90, 70)), uid)
    again = send(alice, team, picture_of(photo(90, 70)), uid)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert first.json["uid"] == uid.content.decode()
    assert len(stored(files)) == 5
    for person, content, text in ((alice, photo(91, 70), b""), (alice, photo(90, 70), b"x"), (bob, photo(90, 70), b"")):
        other = send(person, team, picture_of(content), uid, Field("title", text))
        problem_of(other, 409, "id_conflict")
    problem_of(send(alice, alice_own(alice), picture_of(photo(90, 70)), uid), 409, "id_conflict")
    assert Image.objects.count() == 1


def alice_own(alice: Person) -> Organization:
    return Organization.objects.get(personal_of=alice.user)


def test_a_repeat_under_an_idempotency_key_leaves_nothing(alice: Person, team: Organization, files: Path) -> None:
    key = str(uuid.uuid4())
    first = send(alice, team, picture_of(photo(90, 70)), key=key)
    again = send(alice, team, picture_of(photo(90, 70)), key=key)
    assert (first.status, again.json["id"], again.headers["idempotency-replayed"]) == (201, first.json["id"], "true")
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 5


CONTENTS = {
    "text": (b"CANARY", "picture_not_supported"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "picture_not_supported"),
    "polyglot": (photo(90, 70) + b"<script>alert(1)</script>", "picture_not_supported"),
    "cut off": (photo(900, 700)[:4000], "picture_unreadable"),
    "a bomb": (png_saying(50_000, 50_000), "picture_too_large"),
    "51 megapixels": (png_saying(8000, 6376), "picture_too_large"),
    "a long side": (png_saying(12_001, 10), "picture_too_large"),
}


@pytest.mark.parametrize(("content", "code"), CONTENTS.values(), ids=CONTENTS)
def test_files_that_are_no_good_pictures_leave_nothing(
    alice: Person, team: Organization, files: Path, content: bytes, code: str
) -> None:
    problem_of(send(alice, team, picture_of(content)), 400, code)
    assert not Image.objects.exists()
    assert stored(files) == []


def test_a_storage_that_fails_at_any_object_leaves_neither_rows_nor_objects(
    alice: Person, team: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = storage.Folder._save
    for survived in range(5):
        written: list[str] = []

        def fail(self: Any, name: str, content: Any, written: list[str] = written, survived: int = survived) -> str:
            if len(written) == survived:
                raise OSError("no space left")
            written.append(name)
            return save(self, name, content)

        monkeypatch.setattr(storage.Folder, "_save", fail)
        problem_of(send(alice, team, picture_of(photo(90, 70))), 503, "temporarily_unavailable")
        monkeypatch.setattr(storage.Folder, "_save", save)
        assert not Image.objects.exists()
        assert (len(written), stored(files)) == (survived, [])


def test_a_row_that_cannot_be_written_leaves_no_objects(
    alice: Person, team: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("api.apis.images.services.taking.audit.record", die)
        assert send(alice, team, picture_of(photo(90, 70))).status == 500
    assert not Image.objects.exists()
    assert len(stored(files)) == 5
    with a_day_later():
        run_outbox()
    assert stored(files) == []


def test_fields_are_looked_at(alice: Person, team: Organization, files: Path, settings: Any) -> None:
    assert errors_of(send(alice, team)) == {"file": "required"}
    assert errors_of(send(alice, team, picture_of(photo()), Field("owner", b"x"))) == {"owner": "unknown_field"}
    assert errors_of(send(alice, team, picture_of(photo()), Field("title", b"x" * 201))) == {"title": "max_length"}
    assert errors_of(send(alice, team, picture_of(photo()), Field("uid", b"17"))) == {"uid": "invalid"}
    settings.IMAGE_MAX_BYTES = len(photo())
    problem_of(send(alice, team, picture_of(photo() + b"\0")), 413, "payload_too_large")
    assert stored(files) == []
