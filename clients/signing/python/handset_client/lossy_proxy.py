"""A bad network to try things on: a proxy on loopback that relays HTTP, one exchange at a time, and loses some.

What gets lost is what is worst for a phone: as a rule the answer, after the server has done what was asked. The phone
sees a connection that closes, as in a tunnel, and cannot tell whether its request has arrived.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from handset_client.transport import HttpTransport, NetworkFailure, Response, Transport

_REQUESTS_LOST = 1 / 10
_ANSWERS_LOST = 1 / 3  # of the requests that arrive
# Headers that are between two neighbours (RFC 9110 §7.6.1), and the length, which is told anew.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fate(StrEnum):
    """What became of one attempt of a call."""

    ARRIVED = "arrived"
    ANSWER_LOST = "answer lost"
    REQUEST_LOST = "request lost"  # also where no server is listening


@dataclass(frozen=True, slots=True)
class Exchange:
    """One attempt of a call as the network saw it. `response` is None where the server has given none."""

    call: str
    fate: Fate
    response: Response | None


def fate_of(seed: int, call: str, attempt: int) -> Fate:
    """What becomes of the attempt with this number, from 0, of a call: for one seed always the same."""
    chance = random.Random(f"{seed} {call} {attempt}")  # noqa: S311 -- decides what is lost, hides nothing
    if chance.random() < _REQUESTS_LOST:
        return Fate.REQUEST_LOST
    return Fate.ANSWER_LOST if chance.random() < _ANSWERS_LOST else Fate.ARRIVED


class LossyProxy:
    """Listens while it is entered. `exchanges` has all that passed, in the order in which it ended.

    A call is known by its X-Request-ID, else by its method and path; the attempts of one are counted.
    """

    def __init__(self, upstream: Transport, origin: str, decide: Callable[[str, int], Fate]) -> None:
        self.exchanges: list[Exchange] = []
        self._upstream = upstream
        self._origin = origin
        self._decide = decide
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Relay)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def carry(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """Takes one request to the server, unless it gets lost, and what is answered back, unless that does."""
        call = headers.get("X-Request-ID") or f"{method} {urlsplit(target).path}"
        with self._lock:
            fate = self._decide(call, self._attempts[call])
            self._attempts[call] += 1
        response = None
        if fate is not Fate.REQUEST_LOST:
            try:
                response = self._upstream.send(method, f"{self._origin}{target}", headers, body)
            except NetworkFailure:
                fate = Fate.REQUEST_LOST
        exchange = Exchange(call, fate, response)
        with self._lock:
            self.exchanges.append(exchange)
        return exchange


class ThroughProxy:
    """A Transport that takes the way through a proxy. The URL, which is signed, and Host stay the server's own."""

    def __init__(self, proxy: LossyProxy) -> None:
        self._authority = f"127.0.0.1:{proxy.port}"
        self._inner = HttpTransport()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Raises NetworkFailure."""
        parts = urlsplit(url)
        detour = parts._replace(scheme="http", netloc=self._authority).geturl()
        return self._inner.send(method, detour, {**headers, "Host": parts.netloc}, body)

    def close(self) -> None:
        """Closes what is idle."""
        self._inner.close()


class _Relay(BaseHTTPRequestHandler):
    """One connection of a phone."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        exchange = self.server.proxy.carry(self.command, self.path, dict(self.headers), body)
        if exchange.fate is Fate.ARRIVED and exchange.response is not None:
            self._pass_on(exchange.response)
        else:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay  # noqa: N815 -- the names that are looked for

    def _pass_on(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if response.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name that is overridden
        """Nothing: `exchanges` tells."""


class _Server(ThreadingTCPServer):
    daemon_threads = True  # a phone's idle connection keeps nobody waiting
    proxy: LossyProxy
