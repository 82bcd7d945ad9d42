"""`POST` and `DELETE users/avatar/`: two squares of the picture, whatever was sent, and nothing left of what was before."""

import io
import re
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from handset_client import Answer, Call
from PIL import Image

from api.apis.jobs import services as jobs
from api.models import AuditEntry, IdempotencyKey, OutboxMessage, User
from api.platform import storage
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.phones import BASE_URL, Phone
from tests.pictures import BOUNDARY, Field, corners_of, form, gif_of, jpeg_of_scans, photo, picture_form, png_saying

pytestmark = pytest.mark.django_db

NAME = re.compile(r"avatars/[a-z0-9]{24}/avatar-(?P<username>[^-]+)-(?P<at>\d{8}T\d{6})-[A-Z0-9]{6}\.webp")


def post(person: Person, body: bytes, *, key: str = "", boundary: str = BOUNDARY, signed: bool = False) -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if key:
        headers["Idempotency-Key"] = key
    return person.phone.perform(Call("POST", "users/avatar/", body=body, headers=headers, is_signed=signed))


def upload(person: Person, content: bytes, **kwargs: Any) -> Answer:
    answer = post(person, picture_form(content), **kwargs)
    assert answer.status == 200, answer.body
    return answer


def load(person: Person, address: str) -> bytes:
    """What anybody gets from the address of a file."""
    answer = Answer.read(person.transport.call("GET", address, {}))
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/webp"
    return answer.body


def stored(files: Path) -> list[str]:
    return sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file())


def run_outbox() -> None:
    while jobs.run_due():
        pass


def a_day_later() -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(days=1), tick=False)


def test_two_squares_that_anybody_can_load(alice: Person, files: Path) -> None:
    alice.patch("users/me/", {"username": "johnsmith"})
    assert alice.get("users/me/").json["avatar"] is None
    me = upload(alice, photo()).json
    assert me["avatar"].keys() == {"small", "large"}
    for size, side in (("small", 160), ("large", 600)):
        picture = Image.open(io.BytesIO(load(alice, me["avatar"][size])))
        assert (picture.format, picture.size) == ("WEBP", (side, side))
    assert corners_of(load(alice, me["avatar"]["large"])) == ["red", "lime", "blue", "white"]
    name = User.objects.get(id=alice.user.id).avatar
    told = NAME.fullmatch(name)
    assert told is not None
    assert told["username"] == "johnsmith"
    assert stored(files) == sorted([name, name.replace(".webp", "_lg.webp")])
    assert me["avatar"]["small"] == f"{BASE_URL}/files/{name}"
    assert me["avatar"]["large"] == f"{BASE_URL}/files/{name.replace('.webp', '_lg.webp')}"


def test_it_is_a_change_of_the_profile(alice: Person, files: Path) -> None:
    before = alice.get("users/me/")
    me = upload(alice, photo())
    assert me.json["version"] == before.json["version"] + 1
    read = alice.get("users/me/")
    assert (read.json, read.headers["etag"]) == (me.json, me.headers["etag"])
    assert read.headers["etag"] != before.headers["etag"]
    entry = AuditEntry.objects.get(action="user.avatar_changed")
    assert entry.changes == {"avatar": [None, User.objects.get(id=alice.user.id).avatar]}


def test_nobody_sees_an_avatar_but_who_was_given_its_address(alice: Person, bob: Person, files: Path) -> None:
    upload(alice, photo())
    assert bob.get("users/me/").json["avatar"] is None
    assert alice.get("users/me/").json["avatar"] is not None


def test_replacing_deletes_what_was_before_once_it_is_certain(alice: Person, files: Path) -> None:
    first = upload(alice, photo()).json["avatar"]
    old = stored(files)
    second = upload(alice, photo(800, 900)).json["avatar"]
    assert len(stored(files)) == 4
    assert load(alice, first["small"])  # whoever has read it before
    run_outbox()
    assert len(stored(files)) == 2
    assert not set(old) & set(stored(files))
    assert load(alice, second["small"])
    problem_of(Answer.read(alice.transport.call("GET", first["small"], {})), 404, "not_found")
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 2
    assert not OutboxMessage.objects.filter(done_at=None).exists()


def test_removing_it(alice: Person, files: Path) -> None:
    upload(alice, photo())
    assert alice.delete("users/avatar/").status == 204
    assert alice.get("users/me/").json["avatar"] is None
    run_outbox()
    assert stored(files) == []
    assert list(files.glob("avatars/*")) == []
    version = alice.get("users/me/").json["version"]
    assert alice.delete("users/avatar/").status == 204
    assert alice.get("users/me/").json["version"] == version
    assert AuditEntry.objects.filter(action="user.avatar_changed").count() == 2


def test_removing_asks_for_the_version_if_one_is_said(alice: Person, files: Path) -> None:
    etag = alice.get("users/me/").headers["etag"]
    upload(alice, photo())
    headers = {"If-Match": etag}
    problem_of(alice.phone.request("DELETE", "users/avatar/", headers=headers), 412, "version_conflict")
    headers = {"If-Match": alice.get("users/me/").headers["etag"]}
    assert alice.phone.request("DELETE", "users/avatar/", headers=headers).status == 204


def test_a_guest_s_device_may_not(phone: Phone, files: Path) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = phone.perform(Call("POST", "users/avatar/", body=picture_form(photo()), headers=headers))
    problem_of(answer, 403, "sign_in_required")
    assert stored(files) == []


def test_a_signed_upload(alice: Person, files: Path, settings: Any) -> None:
    """Also one that is larger than a body of JSON may be."""
    noise = Image.effect_noise((1400, 1200), 90).convert("RGB")
    written = io.BytesIO()
    noise.save(written, "PNG")
    assert len(written.getvalue()) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    upload(alice, written.getvalue(), signed=True)
    _, url, headers, body = alice.transport.sent[-1]
    assert "Signature" in headers
    place = body.index(b"IDAT") + 200
    forged = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    fresh = alice.phone.prepare(
        Call("POST", "users/avatar/", body=body, headers={"Content-Type": headers["Content-Type"]}, is_signed=True)
    )
    answer = alice.transport.call("POST", url, fresh.headers, forged)
    problem_of(Answer.read(answer), 400, "digest_mismatch")


# -- repeats


def test_a_repeat_is_the_first_answer_and_no_second_avatar(alice: Person, files: Path) -> None:
    """However the form is wrapped: a phone makes a new boundary for each attempt."""
    content = photo()
    first = upload(alice, content, key="k1")
    again = post(alice, picture_form(content, boundary="another"), key="k1", boundary="another")
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status, again.body) == (first.status, first.body)
    assert User.objects.get(id=alice.user.id).version == first.json["version"]
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 2


@pytest.mark.parametrize(
    "other",
    [
        picture_form(photo(1300, 900)),
        picture_form(photo(), file_name="you.jpg"),
        form(Field("file", photo(), "me.jpg", "image/png")),
        form(Field("file", photo(), "me.jpg")),
    ],
    ids=["bytes", "file-name", "type", "no-type"],
)
def test_another_form_under_the_key_is_refused(alice: Person, files: Path, other: bytes) -> None:
    before = upload(alice, photo(), key="k1").json
    problem_of(post(alice, other, key="k1"), 422, "idempotency_key_reused")
    assert alice.get("users/me/").json == before
    with a_day_later():
        run_outbox()
    assert len(stored(files)) == 2


# -- whatever dies on the way


@pytest.mark.parametrize("dies_at", ["first file", "second file", "row", "audit", "answer"])
def test_what_dies_leaves_nothing_for_good(
    alice: Person, files: Path, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    before = upload(alice, photo()).json
    kept = stored(files)
    saved = iter([dies_at == "first file", dies_at == "second file"])

    def save(name: str, content: bytes) -> None:
        if next(saved):
            raise SystemError("power cut")
        storage_save(name, content)

    def die(*args: Any, **kwargs: Any) -> None:
        raise SystemError("power cut")

    storage_save = storage.save
    with monkeypatch.context() as patch:
        patch.setattr(storage, "save", save)
        place = {
            "row": "api.apis.users.services.require_version",
            "audit": "api.apis.users.services.audit.record",
            "answer": "api.idempotency.Answer",
        }
        if dies_at in place:
            patch.setattr(place[dies_at], die)
        problem_of(post(alice, picture_form(photo(700, 700)), key="k1"), 500, "internal_error")
    assert alice.get("users/me/").json == before
    assert IdempotencyKey.objects.count() == 1  # of what was before
    left = {"first file": 0, "second file": 1}.get(dies_at, 2)
    assert len(stored(files)) == len(kept) + left
    run_outbox()
    assert len(stored(files)) == len(kept) + left  # somebody may still be at it
    with a_day_later():
        run_outbox()
    assert stored(files) == kept
    assert not OutboxMessage.objects.filter(done_at=None).exists()
    assert upload(alice, photo(700, 700), key="k1").status == 200


def test_full_folder_is_the_server_s_fault(alice: Person, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "avatars").write_bytes(b"in the way")
    problem_of(post(alice, picture_form(photo())), 503, "temporarily_unavailable")
    assert alice.get("users/me/").json["avatar"] is None


def test_messages_name_nothing_that_is_secret(alice: Person, files: Path) -> None:
    upload(alice, photo())
    message = OutboxMessage.objects.get(task="users.discard_avatar")
    assert message.arguments == {"user_id": str(alice.user.id), "name": User.objects.get(id=alice.user.id).avatar}


def test_somebody_else_s_avatar_is_not_discarded_for_them(alice: Person, bob: Person, files: Path) -> None:
    """The message names the person: pictures that are nobody's go, those of its person stay."""
    from api.apis.users import services

    upload(alice, photo())
    name = User.objects.get(id=alice.user.id).avatar
    services.discard_avatar(user_id=alice.user.id, name=name)
    assert len(stored(files)) == 2
    services.discard_avatar(user_id=alice.user.id, name="avatars/x/never-there.webp")
    services.discard_avatar(user_id=uuid.uuid4(), name="avatars/x/never-there.webp")
    assert len(stored(files)) == 2


# -- what is refused changes nothing

NAMES = {
    "path": "../../etc/passwd",
    "folder": "photos/me.jpg",
    "nul": "me.jpg\x00.exe",
    "right-to-left": "me\u202egpj.exe",
    "isolate": "me\u2067gpj.exe",
    "five kilobytes": "x" * 5000 + ".jpg",
    "256 bytes": "é" * 128,
    "control": "me\x1b[2J.jpg",
    "dots": "..",
    "line separator": "me\u2028.jpg",
}
CONTENTS = {
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "picture_not_supported"),
    "html": (b"<!doctype html><script>alert(1)</script>", "picture_not_supported"),
    "polyglot": (photo() + b"PK\x05\x06" + b"\0" * 18, "picture_not_supported"),
    "script": (b"GIF89a" + b"<script>alert(1)</script>", "picture_not_supported"),
    "not on the list": (b"II*\0" + b"\0" * 99, "picture_not_supported"),
    "bomb": (png_saying(50_000, 50_000), "picture_too_large"),
    "scans": (jpeg_of_scans(200), "picture_too_large"),
    "cut off": (photo()[:2000], "picture_unreadable"),
    "header only": (b"\x89PNG\r\n\x1a\n", "picture_unreadable"),
}


@pytest.fixture
def untouched(alice: Person, files: Path) -> Any:
    """After the test alice's profile is as it was, and nothing was stored or is to be done."""
    before = User.objects.filter(id=alice.user.id).values().get()
    yield
    assert User.objects.filter(id=alice.user.id).values().get() == before
    assert stored(files) == []
    assert not OutboxMessage.objects.filter(task="users.discard_avatar").exists()
    assert not IdempotencyKey.objects.exists()
    upload(alice, photo())


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_that_hide_something_are_refused(alice: Person, name: str) -> None:
    problem_of(post(alice, picture_form(photo(), file_name=name)), 400, "file_name_invalid")


@pytest.mark.parametrize("name", ["", "me.jpg", "É t é 🏖️ 👩‍👩‍👧.heic", "x" * 255, "no extension", "a.png.exe"])
def test_any_plain_name_will_do(alice: Person, files: Path, name: str) -> None:
    """What it says of the type is not believed: this one is a JPEG."""
    answer = post(alice, picture_form(photo(), file_name=name))
    assert answer.status == 200, answer.body
    assert not any(part and part in "".join(stored(files)) for part in name.split(".") if len(part) > 2)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("content", "code"), CONTENTS.values(), ids=CONTENTS)
def test_files_that_are_no_good_pictures(alice: Person, content: bytes, code: str) -> None:
    problem_of(post(alice, picture_form(content)), 400, code)


def test_an_animation_is_a_picture(alice: Person, files: Path) -> None:
    upload(alice, gif_of(500))


@pytest.mark.usefixtures("untouched")
def test_fields_that_are_missing_or_not_known(alice: Person) -> None:
    assert errors_of(post(alice, form())) == {"file": "required"}
    assert errors_of(post(alice, form(Field("file", b"text")))) == {"file": "invalid"}
    assert errors_of(post(alice, form(Field("file", b"", "me.jpg")))) == {"file": "empty"}
    assert errors_of(post(alice, form(Field("avatar", photo(), "me.jpg")))) == {"avatar": "unknown_field"}
    two = form(Field("file", photo(), "me.jpg"), Field("user", str(uuid.uuid4()).encode()))
    assert errors_of(post(alice, two)) == {"user": "unknown_field"}


@pytest.mark.usefixtures("untouched")
def test_a_file_that_is_too_large(alice: Person, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = len(photo())
    problem_of(post(alice, picture_form(photo() + b"\0")), 413, "payload_too_large")
    problem_of(post(alice, picture_form(photo() + b"\0" * 70_000)), 413, "payload_too_large")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("media_type", ["application/json", "image/jpeg", "application/x-www-form-urlencoded", ""])
def test_only_forms_are_taken(alice: Person, media_type: str) -> None:
    call = Call("POST", "users/avatar/", body=photo(), headers={"Content-Type": media_type} if media_type else {})
    problem_of(alice.phone.perform(call), 415, "unsupported_media_type")


def test_json_is_what_other_addresses_take(alice: Person, files: Path) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    body = form(Field("first_name", b"Mallory"))
    answer = alice.phone.perform(Call("PATCH", "users/me/", body=body, headers=headers))
    problem_of(answer, 415, "unsupported_media_type")


@pytest.mark.django_db(transaction=True)
def test_two_pictures_at_once_leave_one(alice: Person, files: Path) -> None:
    """The row's lock puts them in an order; whichever came first is discarded by the other."""
    if connection.vendor == "sqlite":
        pytest.skip("a database in memory has one connection; threads meet on a server")
    answers: list[int] = []

    def send(content: bytes) -> None:
        try:
            answers.append(post(alice, picture_form(content)).status)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(photo(600 + number, 600),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 4
    with a_day_later():
        run_outbox()
    name = User.objects.get(id=alice.user.id).avatar
    assert stored(files) == sorted([name, name.replace(".webp", "_lg.webp")])
