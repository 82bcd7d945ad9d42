"""Requests as bytes, read by the server that reads them in a deployment: gunicorn's parser with our configuration."""

import runpy
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.parser import RequestParser
from handset_client import Answer, Response

import core
from tests.apis.auth.wire import AUTHORITY, BASE_URL, Draft

PEER = "192.0.2.1", 40_000


@cache
def configuration() -> Config:
    """What `core/gunicorn.conf.py` says about reading requests."""
    written = runpy.run_path(str(Path(core.__file__).with_name("gunicorn.conf.py")))
    config = Config()
    for name in ("limit_request_line", "limit_request_fields", "limit_request_field_size", "header_map"):
        config.set(name, written[name])
    return config


def spelled(given: Draft, *, target: str = "", extra: Sequence[tuple[str, str]] = (), chunks: int = 0) -> bytes:
    """HTTP/1.1 for a draft; `target` replaces its address, `extra` are more header lines."""
    lines = [f"{given.method} {target or given.url.removeprefix(BASE_URL)} HTTP/1.1", f"Host: {AUTHORITY}"]
    lines += [f"{name}: {value}" for name, value in [*given.headers.items(), *extra]]
    body = given.body
    if chunks:
        lines.append("Transfer-Encoding: chunked")
        size = max(1, -(-len(body) // chunks))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    elif body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def over_a_socket(raw: bytes) -> Answer:
    """What the process answers to these bytes. Raises gunicorn's ParseException for what it refuses to read."""
    from core.wsgi import application  # here: importing it prepares the process to serve

    request = next(RequestParser(configuration(), iter([raw]), PEER))
    with socket.socket() as connection, _database_kept_open():
        _, environ = wsgi.create(request, connection, PEER, "127.0.0.1:8000", configuration())
        return _answer_of(application, environ)


@contextmanager
def _database_kept_open() -> Iterator[None]:
    """A server closes idle connections between requests; here the test's transaction is on it."""
    signals = request_started, request_finished
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def _answer_of(application: Any, environ: dict[str, Any]) -> Answer:
    begun: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        begun.update(status=int(status[:3]), headers=dict(headers))

    response = application(environ, start_response)
    try:
        return Answer.read(Response(begun["status"], begun["headers"], b"".join(response)))
    finally:
        response.close()  # type: ignore[attr-defined]  # as WSGI says
