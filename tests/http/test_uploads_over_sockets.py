"""Uploads to a real server: what the connection says of the body, and what comes, need not be the same."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from handset_client import Call, Client, HttpTransport
from handset_client.outcomes import accept

from tests.conftest import PASSWORD
from tests.pictures import BOUNDARY, encoded, photo, picture_form, quarters
from tests.services.servers import UNLIMITED, Gunicorn, deployment, make_app_key, manage

FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
BODY = picture_form(photo(60, 60))
LIMITS = ("UPLOAD_MAX_BYTES", "IMAGE_MAX_BYTES", "IMAGES_MAX_BYTES")
STORES = {"DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL"}


class Site(NamedTuple):
    server: Gunicorn
    person: Client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The embedded default with files of its own, and somebody who has signed up there."""
    folder = tmp_path_factory.mktemp("uploads")
    given = deployment(VAR_DIR=str(folder), **dict.fromkeys(LIMITS, "2000000"), **UNLIMITED)
    environment = {name: value for name, value in given.items() if name not in STORES}
    manage(environment, "migrate", "--verbosity=0")
    app_key = make_app_key(environment)
    server = Gunicorn(environment, folder / "gunicorn.log")
    try:
        server.wait_until_up()
        person = Client(server.base_url, *app_key)
        accept(person.sign_up("ada@example.com", PASSWORD))
        yield Site(server, person)
        assert server.failures() == []
    finally:
        server.stop()


def said(site: Site, headers: dict[str, str], body: bytes, *, ends: bool = False) -> tuple[int, str]:
    """Status and code of what the server says to these bytes; `ends` tells it that no more will come."""
    head = {
        "Host": f"127.0.0.1:{site.server.port}",
        "Authorization": f"Bearer {site.person.state.access}",
        "Content-Type": FORM_TYPE,
        "Connection": "close",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with closing(socket.create_connection(("127.0.0.1", site.server.port), timeout=30)) as connection:
        connection.sendall(f"POST /api/v1/users/avatar/ HTTP/1.1\r\n{lines}\r\n".encode() + body)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            length = 0
            while (line := answer.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            document = json.loads(answer.read(length))
    return status, document.get("code", "")


def version(site: Site) -> int:
    """Of the person's profile, which moves with every avatar."""
    return int(site.person.request("GET", "users/me/").json["version"])


def test_as_it_should_be_said(site: Site) -> None:
    before = version(site)
    assert said(site, {"Content-Length": str(len(BODY))}, BODY) == (200, "")
    assert version(site) == before + 1


@pytest.mark.parametrize(
    ("headers", "body", "ends", "expected"),
    [
        ({"Content-Length": str(len(BODY) + 1)}, BODY, True, (400, "bad_request")),
        ({"Content-Length": "1900000"}, BODY, True, (400, "bad_request")),
        ({"Content-Length": str(len(BODY) - 10)}, BODY, False, (400, "malformed_body")),
        ({"Content-Length": "20000000"}, b"", False, (413, "payload_too_large")),
        ({"Content-Length": "20000000"}, BODY, False, (413, "payload_too_large")),
        ({"Content-Length": "0"}, b"", False, (400, "invalid_input")),
        ({}, b"", True, (400, "invalid_input")),
        ({"Transfer-Encoding": "chunked"}, b"5\r\nabcde\r\n0\r\n\r\n", False, (400, "malformed_body")),
    ],
    ids=["a-byte-more", "much-more", "less", "too-much-and-nothing", "too-much", "nothing", "unsaid", "chunked"],
)
def test_as_it_is_not(site: Site, headers: dict[str, str], body: bytes, ends: bool, expected: tuple[int, str]) -> None:
    """What is too large is refused by what it says, before it has come."""
    before = version(site)
    assert said(site, headers, body, ends=ends) == expected
    assert said(site, {**headers, "Idempotency-Key": "k1"}, body, ends=ends)[0] == expected[0]
    assert version(site) == before


def test_signed_and_larger_than_json_may_be_and_read_by_anybody(site: Site) -> None:
    picture = encoded(quarters(700, 700), "PNG", compress_level=0)
    assert len(picture) > 1_100_000
    call = Call(
        "POST", "users/avatar/", body=picture_form(picture), headers={"Content-Type": FORM_TYPE}, is_signed=True
    )
    address = accept(site.person.perform(call)).json["avatar"]["large"]
    assert urlsplit(address).netloc == f"127.0.0.1:{site.server.port}"
    answer = HttpTransport().send("GET", address, {}, b"")
    assert (answer.status, answer.body[8:12]) == (200, b"WEBP")
    head = HttpTransport().send("HEAD", address, {}, b"")
    assert (head.status, head.body) == (200, b"")
    guessed = HttpTransport().send("GET", address.replace("avatar-", "avatar-x"), {}, b"")
    assert guessed.status == 404
