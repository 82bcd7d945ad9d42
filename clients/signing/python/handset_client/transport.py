"""Bytes out, bytes in. What an answer means is decided elsewhere (`outcomes`)."""

import selectors
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit


class NetworkFailure(Exception):
    """No answer of the API arrived: the request may or may not have reached it."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back over the wire, from whomever."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request, once: never again by itself, because every attempt is signed anew."""

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises NetworkFailure for all that is not an answer. Called from several threads."""


class HttpTransport:
    """`http.client` with idle connections kept for the next request; follows no redirect.

    As many connections as there are threads sending at the same time. They are closed with the
    transport, at the latest when it is collected.
    """

    def __init__(self, *, connect_seconds: float = 10, read_seconds: float = 30) -> None:
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._lock = threading.Lock()
        self._idle: dict[str, list[HTTPConnection]] = {}  # by origin
        weakref.finalize(self, _close_all, self._idle)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises NetworkFailure."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection = self._take_idle(origin)
        try:
            if connection is None:
                connection = self._connect(origin)
            connection.request(method, target, body or None, dict(headers))
            answer = connection.getresponse()
            response = Response(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, HTTPException) as error:
            if connection is not None:
                connection.close()
            raise NetworkFailure(f"{type(error).__name__}: {error}") from error
        if connection.sock is not None:  # None: the server asked to close
            with self._lock:
                self._idle.setdefault(origin, []).append(connection)
        return response

    def close(self) -> None:
        """Closes what is idle. The transport can still be used."""
        with self._lock:
            _close_all(self._idle)

    def _connect(self, origin: str) -> HTTPConnection:
        parts = urlsplit(origin)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=self._connect_seconds)
        connection.connect()
        connection.sock.settimeout(self._read_seconds)
        return connection

    def _take_idle(self, origin: str) -> HTTPConnection | None:
        with self._lock:
            connections = self._idle.get(origin, [])
            while connections:
                connection = connections.pop()
                if not _is_readable(connection):
                    return connection
                connection.close()
        return None


def _is_readable(connection: HTTPConnection) -> bool:
    """Whether an idle connection has something to say: the server's farewell, as a rule."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection.sock, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


def _close_all(idle: dict[str, list[HTTPConnection]]) -> None:
    while idle:
        for connection in idle.popitem()[1]:
            connection.close()
