"""Callers who send slowly, or no HTTP: they are told so in a problem document, and keep nobody else waiting."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.services.servers import UNLIMITED, Gunicorn, deployment, manage

THREADS = 6
ARRIVAL_SECONDS = 2
STORES = {"DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL"}
POST = b"POST /api/v1/auth/get-token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Said(NamedTuple):
    status: int
    headers: dict[str, str]
    document: dict[str, Any]


@contextmanager
def running(folder: Path) -> Iterator[Gunicorn]:
    """The embedded default, with few threads and little patience."""
    given = deployment(
        VAR_DIR=str(folder),
        WEB_THREADS=str(THREADS),
        REQUEST_ARRIVAL_SECONDS=str(ARRIVAL_SECONDS),
        **dict.fromkeys(("UPLOAD_MAX_BYTES", "IMAGE_MAX_BYTES", "IMAGES_MAX_BYTES"), "2000000"),
        **UNLIMITED,
    )
    environment = {name: value for name, value in given.items() if name not in STORES}
    manage(environment, "migrate", "--verbosity=0")
    server = Gunicorn(environment, folder / "gunicorn.log")
    try:
        server.wait_until_up()
        yield server
        assert "Traceback" not in server.log.read_text()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    with running(tmp_path_factory.mktemp("slow")) as server:
        yield server


def connected(server: Gunicorn) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def said(connection: socket.socket) -> Said:
    """The next answer on a connection, and not a byte more."""
    with connection.makefile("rb", buffering=0) as answer:
        status = int(answer.readline().split()[1])
        headers = {}
        while line := answer.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        body = b""
        while len(body) < int(headers.get("content-length", 0)):
            body += answer.read(int(headers["content-length"]) - len(body))
    return Said(status, headers, json.loads(body or b"{}"))


def assert_refused(answer: Said, status: int, code: str) -> None:
    assert (answer.status, answer.document["code"], answer.document["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.document["request_id"] == answer.headers["x-request-id"]


def alive_in(server: Gunicorn) -> float:
    """How long liveness takes on a connection of its own."""
    began_at = time.monotonic()
    with closing(connected(server)) as probe:
        probe.sendall(b"GET /health/live/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert said(probe).status == 200
    return time.monotonic() - began_at


@pytest.mark.parametrize(
    ("sent", "drip"),
    [
        (b"POST /api/v1/auth/get-token/ HTTP/1.1\r\nHost: loc", b"a"),
        (POST + b"Content-Length: 1000\r\n\r\n", b" "),
        (POST + b"Content-Length: 0000001000\r\n\r\n", b" "),
        (POST + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n", b" "),
    ],
    ids=["the-head", "a-body", "a-body-with-a-padded-length", "a-body-that-asks"],
)
def test_whoever_drips_is_told_and_nobody_waits(server: Gunicorn, sent: bytes, drip: bytes) -> None:
    """Twice as many as there are threads, a byte now and then: each would keep a thread for hours."""
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(connected(server))) for _ in range(2 * THREADS)]
        began_at = time.monotonic()
        for connection in slow:
            connection.sendall(sent)
        for _ in range(6):
            assert alive_in(server) < 1
            for connection in slow:
                connection.sendall(drip)
        answers = [said(connection) for connection in slow]
        took = time.monotonic() - began_at
        if b"Expect" in sent:
            assert {answer.status for answer in answers} == {100}
            answers = [said(connection) for connection in slow]
            took = time.monotonic() - began_at
    for answer in answers:
        assert_refused(answer, 408, "request_timed_out")
    assert ARRIVAL_SECONDS - 0.5 < took < ARRIVAL_SECONDS + 3


@pytest.mark.parametrize("framing", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
def test_large_bodies_hold_half_of_the_threads_at_most(server: Gunicorn, framing: bytes) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(connected(server))) for _ in range(2 * THREADS)]
        for connection in slow:
            connection.sendall(POST + framing + b"\r\n\r\n5\r\n")
        for _ in range(3):
            assert alive_in(server) < 1
            with closing(connected(server)) as other:
                other.sendall(POST + b"Content-Length: 2\r\n\r\n{}")
                assert said(other).status == 401
        answers = [said(connection) for connection in slow]
    for answer in answers:
        if answer.status == 503:
            assert_refused(answer, 503, "temporarily_unavailable")
        else:
            assert_refused(answer, 408, "request_timed_out")
    assert sum(answer.status == 408 for answer in answers) == THREADS // 2


def test_a_body_that_comes_in_pieces_is_a_body(server: Gunicorn) -> None:
    with closing(connected(server)) as connection:
        for _ in range(2):  # on one connection
            connection.sendall(POST + b"Content-Le")
            alive_in(server)
            connection.sendall(b"ngth: 2\r\n\r\n{")
            alive_in(server)
            connection.sendall(b"}")
            assert_refused(said(connection), 401, "signature_missing")


def test_requests_sent_in_one_piece_are_answered_one_by_one(server: Gunicorn) -> None:
    with closing(connected(server)) as connection:
        connection.sendall(
            (POST + b"Content-Length: 2\r\n\r\n{}") * 2 + b"GET /health/live/ HTTP/1.1\r\nHost: l\r\n\r\n"
        )
        assert [said(connection).status for _ in range(3)] == [401, 401, 200]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\r\n\r\n", 400, "bad_request"),
        (b"hello\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nb\r\n\r\n", 400, "bad_request"),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "bad_request"),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "bad_request"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
        (POST + b"Expect: wonders\r\n\r\n", 400, "bad_request"),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 100 + b"\r\n", 431, "headers_too_large"),
    ],
)
def test_what_is_no_http_gets_a_problem_document(server: Gunicorn, sent: bytes, status: int, code: str) -> None:
    with closing(connected(server)) as connection:
        connection.sendall(sent)
        assert_refused(said(connection), status, code)
        assert connection.recv(1) == b""


def test_kept_connections_give_way_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", f"--worker-connections {4 * THREADS}")
    with running(tmp_path) as server, ExitStack() as stack:
        kept = [stack.enter_context(closing(connected(server))) for _ in range(3 * THREADS)]
        for connection in kept:
            connection.sendall(POST + b"Content-Length: 2\r\n\r\n{}")
            assert said(connection).status == 401
        for _ in range(THREADS):
            stack.enter_context(closing(connected(server)))  # and says nothing
        for _ in range(3):
            assert alive_in(server) < 1
        kept[-1].sendall(POST + b"Content-Length: 2\r\n\r\n{}")
        assert said(kept[-1]).status == 401  # who was quiet for longest went first
        assert kept[0].recv(1) == b""


def test_a_server_that_stops_does_not_wait_for_half_a_request(tmp_path: Path) -> None:
    with running(tmp_path) as server, closing(connected(server)) as half:
        half.sendall(POST)
        alive_in(server)
        server.stop()
        assert_refused(said(half), 408, "request_timed_out")
