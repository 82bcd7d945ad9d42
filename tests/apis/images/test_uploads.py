"""`POST images/orgs/<org_slug>/uploads/` and `…/<id>/complete/`: announced, sent straight to the store, made an image in the
background. The same calls where files lie in a folder of this server and where they lie in a bucket.
"""

import base64
import hashlib
import json
import uuid
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.utils import timezone
from handset_client import Answer

from api.apis.images import services
from api.models import Image, ImageUpload, Job, Organization, OutboxMessage
from api.models.base import uuid7
from api.platform import storage, uploads
from tests.apis.images.pictures import path_of, run_outbox, send, stored, upload
from tests.buckets import BUCKET
from tests.conftest import Person
from tests.http.answers import errors_of, problem_of
from tests.phones import BASE_URL
from tests.pictures import BOUNDARY, Field, form, photo

pytestmark = pytest.mark.django_db

SMALL = photo(90, 70)


@pytest.fixture(params=["files", "bucket"])
def store(request: pytest.FixtureRequest) -> Any:
    """Each of the two kinds of stores in turn, empty."""
    chosen = request.getfixturevalue(request.param)
    storage.delete([found.name for found in storage.listed()])
    return chosen


def sent_to_the_store() -> list[str]:
    return [found.name for found in storage.listed() if found.name.startswith("uploads/")]


def announced(content: bytes, **more: Any) -> dict[str, Any]:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"bytes": len(content), "media_type": "image/jpeg", "sha256": digest, **more}


def begin(person: Person, team: Organization, content: bytes = SMALL, **more: Any) -> dict[str, Any]:
    answer = person.post(path_of(team, "uploads/"), announced(content, **more))
    assert answer.status == 201, answer.body
    return dict(answer.json)


def complete(person: Person, team: Organization, begun: dict[str, Any]) -> Answer:
    return person.post(path_of(team, f"uploads/{begun['id']}/complete/"))


def deliver(person: Person, method: str, url: str, body: bytes, headers: dict[str, str]) -> int:
    """What the store answers: this server, or the bucket over a socket."""
    if url.startswith(BASE_URL):
        return person.transport.call(method, url, headers, body).status
    parts = urlsplit(url)
    wire = HTTPConnection(parts.netloc, timeout=10)
    try:
        wire.request(method, f"{parts.path}?{parts.query}", body, headers)
        return wire.getresponse().status
    finally:
        wire.close()


def send_form(person: Person, begun: dict[str, Any], content: bytes = SMALL, **changed: str) -> int:
    fields = [Field(name, value.encode()) for name, value in {**begun["form"]["fields"], **changed}.items()]
    body = form(*fields, Field("file", content, "me.jpg", "image/jpeg"))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return deliver(person, "POST", begun["form"]["url"], body, headers)


def send_part(person: Person, begun: dict[str, Any], number: int, content: bytes) -> int:
    return deliver(person, "PUT", begun["parts"][number - 1]["url"], content, {})


def image_of(person: Person, team: Organization, job: Answer) -> dict[str, Any]:
    """The image that has become of a completed upload."""
    run_outbox()
    ended = person.get(f"tasks/{job.json['id']}/").json
    assert (ended["state"], ended["error"]) == ("SUCCESS", None)
    return dict(person.get(path_of(team, f"images/{ended['result']['image_id']}/")).json)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A picture that comes in three parts, which are small."""
    content = photo(900, 700, "PNG", compress_level=0)
    monkeypatch.setattr(uploads, "PART_BYTES", len(content) // 2 - 1000)
    return content


def test_a_form_becomes_an_image(alice: Person, team: Organization, store: Any) -> None:
    begun = begin(alice, team, title="Quarters", alt_text="Four colours")
    assert (begun["state"], begun["parts"], begun["job"]) == ("waiting", None, None)
    assert send_form(alice, begun) in {204, 200}
    answer = complete(alice, team, begun)
    assert answer.status == 202
    assert answer.headers["location"] == f"/api/v1/tasks/{answer.json['id']}/"
    assert answer.json["type"] == "images.upload"
    image = image_of(alice, team, answer)
    assert (image["uid"], image["title"], image["alt_text"]) == (begun["id"], "Quarters", "Four colours")
    assert (image["width"], image["height"], image["creator"]) == (90, 70, alice.user.username)
    again = complete(alice, team, begun)
    assert (again.status, again.json["id"], again.json["result"]["image_id"]) == (200, answer.json["id"], image["id"])
    run_outbox()
    assert Image.objects.count() == 1
    shown = alice.get(path_of(team, f"uploads/{begun['id']}/"))
    assert (shown.json["state"], shown.json["form"]) == ("done", None)
    assert shown.headers["cache-control"] == "no-store"
    assert not sent_to_the_store()


def test_a_large_file_comes_in_parts_and_goes_on_where_it_was_cut_off(
    alice: Person, team: Organization, files: Path, parts: bytes
) -> None:
    begun = begin(alice, team, parts)
    assert begun["form"] is None
    sizes = [part["bytes"] for part in begun["parts"]]
    assert (len(sizes), sum(sizes)) == (3, len(parts))
    pieces = [parts[: sizes[0]], parts[sizes[0] : -sizes[2]], parts[-sizes[2] :]]
    assert send_part(alice, begun, 1, pieces[0]) == 204
    assert send_part(alice, begun, 3, pieces[2]) == 204
    refused = problem_of(complete(alice, team, begun), 409, "upload_incomplete")
    assert refused["missing"] == [2]
    shown = alice.get(path_of(team, f"uploads/{begun['id']}/")).json
    assert [part["is_missing"] for part in shown["parts"]] == [False, True, False]
    assert send_part(alice, shown, 2, pieces[1][:-1]) == 400
    assert send_part(alice, shown, 2, pieces[1]) == 204
    image = image_of(alice, team, complete(alice, team, begun))
    assert (image["width"], image["height"]) == (900, 700)
    assert not [name for name in stored(files) if name.startswith("uploads/")]


def test_a_bucket_joins_the_parts(alice: Person, team: Organization, bucket: str) -> None:
    content = photo(1700, 1700, "PNG", compress_level=0)  # 8.7 MB
    begun = begin(alice, team, content)
    first = begun["parts"][0]["bytes"]
    assert first == uploads.PART_BYTES
    assert send_part(alice, begun, 1, content[:first]) == 200
    assert problem_of(complete(alice, team, begun), 409, "upload_incomplete")["missing"] == [2]
    assert send_part(alice, begun, 2, content[first:]) == 200
    answer = complete(alice, team, begun)
    file = uploads.Announced(
        *ImageUpload.objects.values_list("name", "media_type", "size_bytes", "sha256", "parts_id")[0]
    )
    assert uploads.content_of(file) == content  # a worker that died after it had joined them
    assert image_of(alice, team, answer)["width"] == 1700


def test_what_a_bucket_is_told_to_take(alice: Person, team: Organization, bucket: str) -> None:
    fields = begin(alice, team)["form"]["fields"]
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert ["content-length-range", len(SMALL), len(SMALL)] in policy["conditions"]
    told = {name: value for entry in policy["conditions"] if isinstance(entry, dict) for name, value in entry.items()}
    assert told["Content-Type"] == "image/jpeg"
    assert told["x-amz-checksum-sha256"] == announced(SMALL)["sha256"]


def test_a_repeat_under_its_own_uid_is_the_same_upload(
    alice: Person, bob: Person, charlie: Person, team: Organization, files: Path
) -> None:
    uid = str(uuid7())
    first = begin(alice, team, uid=uid)
    again = alice.post(path_of(team, "uploads/"), announced(SMALL, uid=uid))
    assert (first["id"], again.status, again.json["id"]) == (uid, 200, uid)
    assert ImageUpload.objects.count() == 1
    problem_of(alice.post(path_of(team, "uploads/"), announced(SMALL, uid=uid, title="x")), 409, "id_conflict")
    problem_of(bob.post(path_of(team, "uploads/"), announced(SMALL, uid=uid)), 409, "id_conflict")
    assert bob.get(path_of(team, f"uploads/{uid}/")).json["id"] == uid
    assert charlie.get(path_of(team, f"uploads/{uid}/")).status == 404
    assert complete(charlie, team, first).status == 404
    taken = upload(alice, team, photo(91, 70))["uid"]
    problem_of(alice.post(path_of(team, "uploads/"), announced(SMALL, uid=taken)), 409, "id_conflict")
    made = send(alice, team, Field("file", SMALL, "me.jpg", "image/jpeg"), Field("uid", uid.encode()))
    send_form(alice, first)
    assert image_of(alice, team, complete(alice, team, first))["id"] == made.json["id"]


def test_only_what_was_announced_is_taken(alice: Person, team: Organization, files: Path) -> None:
    begun = begin(alice, team)
    other = photo(70, 90)
    for content in (other, SMALL + b"\0", SMALL[:-1], SMALL[:-1] + b"\0", b""):
        assert send_form(alice, begun, content) == 400
    for changed in ({"bytes": str(len(other))}, {"expires": "99999999999"}, {"signature": "é"}, {"more": "x"}):
        assert send_form(alice, begun, **changed) == 404
    with time_machine.travel(timezone.now() + timedelta(seconds=uploads.SIGNED_SECONDS + 1), tick=False):
        assert send_form(alice, begun) == 410
    elsewhere = {**begun, "form": {**begun["form"], "url": begun["form"]["url"][:-2] + "/2"}}
    assert send_form(alice, elsewhere) == 404
    assert stored(files) == []
    assert deliver(alice, "PUT", begun["form"]["url"], SMALL, {}) == 404
    assert deliver(alice, "POST", begun["form"]["url"], b"x", {"Content-Type": "text/plain"}) == 400
    assert deliver(alice, "POST", f"{BASE_URL}/files/uploads/x/1", *form_of_nothing()) == 404
    assert deliver(alice, "POST", f"{BASE_URL}/files/images/x/y.jpg", *form_of_nothing()) == 405
    assert deliver(alice, "GET", f"{BASE_URL}/files/uploads/x/1", b"", {}) == 405
    problem_of(complete(alice, team, begun), 409, "upload_incomplete")


def form_of_nothing() -> tuple[bytes, dict[str, str]]:
    body = form(Field("file", SMALL, "me.jpg", "image/jpeg"))
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def test_parts_that_are_not_the_file_are_refused_in_the_background(
    alice: Person, team: Organization, files: Path, parts: bytes
) -> None:
    begun = begin(alice, team, parts)
    for part in begun["parts"]:
        assert send_part(alice, begun, part["number"], b"\xff" * part["bytes"]) == 204
    job = complete(alice, team, begun)
    run_outbox()
    ended = complete(alice, team, begun)
    assert (ended.status, ended.json["id"], ended.json["state"]) == (200, job.json["id"], "FAILURE")
    assert ended.json["error"] == "upload_differs"
    assert not OutboxMessage.objects.filter(failed_at__isnull=False).exists()  # nobody has to look at it
    assert alice.get(path_of(team, f"uploads/{begun['id']}/")).json["state"] == "refused"
    assert not Image.objects.exists()


def test_what_is_no_picture_is_refused_once(alice: Person, team: Organization, store: Any) -> None:
    content = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    begun = begin(alice, team, content)
    send_form(alice, begun, content)
    complete(alice, team, begun)
    run_outbox()
    ended = complete(alice, team, begun).json
    assert (ended["state"], ended["error"], ended["result"]) == ("FAILURE", "picture_not_supported", None)
    assert not Image.objects.exists()


def test_abandoned_ones_are_swept_whatever_has_come(alice: Person, team: Organization, store: Any) -> None:
    begun, never = begin(alice, team), begin(alice, team)
    send_form(alice, begun)
    large = begin(alice, team, photo(1700, 1700, "PNG", compress_level=0))
    assert send_part(alice, large, 1, b"\xff" * uploads.PART_BYTES) in {200, 204}
    run_outbox()
    assert sent_to_the_store()
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
        run_outbox()
    assert not ImageUpload.objects.exists()
    assert not sent_to_the_store()
    if isinstance(store, str):
        told = default_storage.connection.meta.client.list_multipart_uploads(Bucket=BUCKET)
        assert not told.get("Uploads")
    problem_of(complete(alice, team, never), 404, "not_found")


def test_what_is_sent_when_the_day_is_over_goes_as_well(alice: Person, team: Organization, store: Any) -> None:
    """An address that was got at the end of it is good for an hour more."""
    begin(alice, team)
    began_at = timezone.now()
    with time_machine.travel(began_at + timedelta(hours=23, minutes=59), tick=False):
        url, fields = uploads.form_of(services.announced_by(ImageUpload.objects.get()))
    late = {"form": {"url": url if "://" in url else f"{BASE_URL}{url}", "fields": fields}}
    with time_machine.travel(began_at + timedelta(days=1, minutes=1), tick=False):
        run_outbox()
        assert not ImageUpload.objects.exists()
        assert send_form(alice, late) in {200, 204}
    assert sent_to_the_store()
    with time_machine.travel(began_at + timedelta(days=1, hours=1, minutes=2), tick=False):
        run_outbox()
    assert not sent_to_the_store()
    assert not OutboxMessage.objects.filter(task="images.discard_upload", done_at=None).exists()


def test_an_upload_whose_organization_is_gone_leaves_nothing(alice: Person, team: Organization, files: Path) -> None:
    begun = begin(alice, team)
    send_form(alice, begun)
    ImageUpload.objects.all().delete()
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=False):
        run_outbox()
    assert stored(files) == []


def test_somebody_who_may_no_more_gets_no_image(alice: Person, bob: Person, team: Organization, files: Path) -> None:
    begun = begin(bob, team)
    send_form(bob, begun)
    job = complete(bob, team, begun)
    assert alice.delete(f"orgs/{team.slug}/members/{bob.user.username}/").is_success
    run_outbox()
    assert Job.objects.get(id=job.json["id"]).error == "not_found"
    assert not Image.objects.exists()


def test_a_hundred_wait_at_most(
    alice: Person, team: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.apis.images.services.uploading.WAITING_MAX", 1)
    begin(alice, team)
    problem_of(alice.post(path_of(team, "uploads/"), announced(SMALL)), 409, "too_many_uploads")


def test_fields_are_looked_at(alice: Person, team: Organization, settings: Any) -> None:
    path = path_of(team, "uploads/")
    assert errors_of(alice.post(path, {})) == dict.fromkeys(("bytes", "media_type", "sha256"), "required")
    settings.IMAGE_MAX_BYTES = len(SMALL) - 1
    assert errors_of(alice.post(path, announced(SMALL))) == {"bytes": "max_value"}
    wrong = announced(b"x", media_type="image/svg+xml", uid="17") | {"sha256": "x", "bytes": 0}
    assert errors_of(alice.post(path, wrong)).keys() == {"bytes", "media_type", "sha256", "uid"}
    problem_of(alice.get(path_of(team, f"uploads/{uuid.uuid4()}/")), 404, "not_found")
    problem_of(alice.get(path_of(team, "uploads/nothing/")), 404, "not_found")


def test_a_bucket_that_fails_is_503(alice: Person, team: Organization, gone: str) -> None:
    begun = begin(alice, team)  # nobody is asked
    problem_of(complete(alice, team, begun), 503, "temporarily_unavailable")
    assert not Job.objects.exists()
