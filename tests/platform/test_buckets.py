"""Files in a bucket: the same door, over HTTP, against a server that speaks S3."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import time_machine
from django.core.files.storage import default_storage
from handset_client import Call

from api.apis.jobs import services as jobs
from api.exceptions import NotThere, TemporarilyUnavailable
from api.models import User
from api.platform import storage
from tests.conftest import Person
from tests.pictures import BOUNDARY, corners_of, photo, picture_form

NAME = "avatars/x1/avatar-ada-20261121T093000-7KQ2MX.webp"
BUCKET = "handset-files"
START_SECONDS = 60


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks S3, in a process of its own, with one empty bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(server, url, log)
        client = boto3.client(
            "s3", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key="secret"
        )
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        client.close()
        yield url
    finally:
        server.terminate()
        server.wait(15)


def _wait_until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            threading.Event().wait(0.05)


@pytest.fixture
def bucket(settings: Any, endpoint: str) -> Iterator[str]:
    """Files go to the bucket, as a deployment's settings say it."""
    yield from _bucket_at(settings, endpoint)


@pytest.fixture
def gone(settings: Any) -> Iterator[str]:
    """The bucket's server does not answer."""
    with socket.socket() as taken:  # bound, and not listening: nobody else gets it, and every connection is refused
        taken.bind(("127.0.0.1", 0))
        yield from _bucket_at(settings, f"http://127.0.0.1:{taken.getsockname()[1]}")


def _bucket_at(settings: Any, endpoint: str) -> Iterator[str]:
    options = {
        "bucket_name": BUCKET,
        "endpoint_url": endpoint,
        "region_name": "eu-central-1",
        "access_key": "key",
        "secret_key": "secret",
    }
    default = {"BACKEND": "api.platform.buckets.Bucket", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    yield endpoint
    default_storage.connection.meta.client.close()


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
