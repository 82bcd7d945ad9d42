"""Files in a bucket: the same door, over HTTP, against a server that speaks S3."""

import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import time_machine
from django.core.files.storage import default_storage
from django.utils import timezone
from handset_client import Call

from api.apis.jobs import services as jobs
from api.exceptions import NotThere, TemporarilyUnavailable
from api.models import User
from api.platform import storage
from tests.buckets import BUCKET
from tests.conftest import Person
from tests.pictures import BOUNDARY, corners_of, photo, picture_form
from tests.services.gateway import Fault, Gateway

NAME = "avatars/x1/avatar-ada-20261121T093000-7KQ2MX.webp"


def load(address: str) -> tuple[int, bytes, str]:
    """Status, body and type of what anybody gets."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), ""


def test_the_door_is_the_same(bucket: str) -> None:
    storage.save(NAME, b"one")
    assert storage.exists(NAME)
    with storage.opened(NAME) as file:
        assert file.read() == b"one"
    storage.delete([NAME, "avatars/never/there.webp"])
    assert not storage.exists(NAME)
    with pytest.raises(NotThere):
        storage.opened(NAME)


def test_everything_in_it_is_listed_in_pages(bucket: str) -> None:
    names = [f"other/{number}" for number in range(3)]
    for name in names:
        storage.save(name, b"12345")
    found = {stored.name: stored for stored in storage.listed() if stored.name in names}
    assert sorted(found) == names
    assert found[names[0]].size_bytes == 5
    assert abs((found[names[0]].written_at - timezone.now()).total_seconds()) < 60
    storage.delete(names)


@pytest.mark.parametrize("fault", Fault)
def test_one_that_fails_on_the_way_is_unavailable_and_nothing_else(failing: Gateway, fault: Fault) -> None:
    content = os.urandom(200_000)
    storage.save(NAME, content)
    failing.fail_after(0, fault)
    with pytest.raises(TemporarilyUnavailable):
        storage.fetched(NAME)
    with pytest.raises(TemporarilyUnavailable), storage.writing("exports/x/y.zip") as stream:
        stream.write(b"x")
    assert failing.refused > 0
    failing.recover()
    file, size_bytes = storage.fetched(NAME)
    with file:
        assert (size_bytes, file.read()) == (len(content), content)
    storage.delete([NAME])
    storage.discard("exports/x/y.zip")


def test_an_address_leads_to_the_bucket_and_is_the_same_for_a_while(bucket: str, settings: Any) -> None:
    storage.save(NAME, b"one")
    address = storage.address_of(NAME)
    assert address.startswith(f"{bucket}/{BUCKET}/{NAME}?")
    assert load(address) == (200, b"one", "image/webp")
    start = 1_800_000_000 // 900 * 900
    seen = set()
    for second in range(0, 1800, 50):
        with time_machine.travel(start + second, tick=False):
            address = storage.address_of(NAME)
            assert parse_qs(urlsplit(address).query)["X-Amz-Expires"] == [str(settings.FILE_URL_SECONDS)]
            seen.add(address)
    assert len(seen) == 4


def test_it_is_signed_as_the_vendor_s_own_library_signs_it(bucket: str, settings: Any) -> None:
    """At the beginning of a window the two say the same."""
    client = boto3.client(
        "s3",
        endpoint_url=bucket,
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=boto3.session.Config(signature_version="s3v4"),
    )
    with time_machine.travel(1_800_000_000 // 900 * 900, tick=False):
        theirs = client.generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": NAME}, ExpiresIn=settings.FILE_URL_SECONDS
        )
        ours = storage.address_of(NAME)
    client.close()
    assert ours.partition("?")[0] == theirs.partition("?")[0]
    assert parse_qs(ours.partition("?")[2]) == parse_qs(theirs.partition("?")[2])


@pytest.mark.django_db
def test_an_avatar_from_upload_to_removal(alice: Person, bucket: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = alice.phone.perform(Call("POST", "users/avatar/", body=picture_form(photo()), headers=headers))
    assert answer.status == 200, answer.body
    assert alice.get("users/me/").json == answer.json
    picture = alice.transport.call("GET", answer.json["avatar"]["large"], {})  # this server reads it from the bucket
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/webp")
    assert corners_of(picture.body) == ["red", "lime", "blue", "white"]
    name = User.objects.get(id=alice.user.id).avatar
    assert alice.delete("users/avatar/").status == 204
    while jobs.run_due():
        pass
    assert not storage.exists(name)
    assert alice.transport.call("GET", answer.json["avatar"]["small"], {}).status == 404


@pytest.mark.django_db
def test_a_bucket_that_does_not_answer_is_503_and_changes_nothing(alice: Person, gone: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = alice.phone.perform(Call("POST", "users/avatar/", body=picture_form(photo()), headers=headers))
    assert (answer.status, answer.code) == (503, "temporarily_unavailable")
    assert "retry-after" in answer.headers
    assert alice.get("users/me/").json["avatar"] is None
    for call in (lambda: storage.exists(NAME), lambda: storage.opened(NAME), lambda: storage.delete([NAME])):
        with pytest.raises(TemporarilyUnavailable):
            call()


# -- what is written piece by piece

ARCHIVE = "exports/x1/handset.zip"
PIECE = bytes(range(256)) * 2**12  # 1 MiB


def uploads_left() -> list[Any]:
    client = default_storage.connection.meta.client
    found: list[Any] = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return found


def test_a_large_object_goes_in_parts_and_is_there_when_it_is_whole(bucket: str) -> None:
    with storage.writing(ARCHIVE) as stream:
        for _ in range(19):
            stream.write(PIECE)
        assert not storage.exists(ARCHIVE)
    assert stream.size_bytes == 19 * 2**20
    assert load(storage.short_address_of(ARCHIVE, seconds=60)) == (200, PIECE * 19, "application/zip")
    file, size_bytes = storage.fetched(ARCHIVE)
    with file:
        assert (file.read(3), size_bytes) == (PIECE[:3], stream.size_bytes)
    storage.discard(ARCHIVE)
    assert (storage.exists(ARCHIVE), uploads_left()) == (False, [])
    with pytest.raises(NotThere):
        storage.fetched(ARCHIVE)


def write_and_fail() -> None:
    with storage.writing(ARCHIVE) as stream:
        stream.write(PIECE * 9)
        raise LookupError


def test_what_fails_half_way_leaves_nothing(bucket: str) -> None:
    with pytest.raises(LookupError):
        write_and_fail()
    assert (storage.exists(ARCHIVE), uploads_left()) == (False, [])


def test_what_a_process_left_that_died_is_discarded(bucket: str) -> None:
    default_storage.begin(ARCHIVE).write(PIECE * 9)
    assert len(uploads_left()) == 1
    storage.discard(ARCHIVE)
    assert uploads_left() == []


def test_an_empty_object_is_one(bucket: str) -> None:
    with storage.writing(ARCHIVE):
        pass
    assert load(storage.short_address_of(ARCHIVE, seconds=60))[:2] == (200, b"")
    storage.discard(ARCHIVE)


@pytest.mark.parametrize("call", [write_and_fail, lambda: storage.discard(ARCHIVE), lambda: storage.fetched(ARCHIVE)])
def test_a_bucket_that_is_gone_is_told_as_such_of_large_objects_too(gone: str, call: Any) -> None:
    with pytest.raises(TemporarilyUnavailable):
        call()
