"""gunicorn's worker with threads, as this project runs it: a request gets a thread once it has arrived.

gunicorn lets a thread read a request, so as many slow callers as there are threads stop everything, liveness too. Here
the loop that waits for all connections also collects what they send; whoever takes too long is told so and left. What is
no HTTP is refused with a problem document, like everything else.

A worker that is told to end drains first: not ready, still serving, each answer the last on its connection.
"""

import re
import selectors
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import takewhile
from typing import Any

from django.conf import settings
from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

# A body up to this size arrives with its head. Larger ones are read in a thread, few at a time: `core.wsgi`.
AHEAD_BYTES = 64 * 1024
# gunicorn refuses heads of less for what is wrong with them; this one only ends the waiting.
_HEAD_MAX_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
# What a server that stops still waits for somebody who is in the middle of a request.
_STOPPING_SECONDS = 2

# The headers that say where a body ends. Zeros before a length say nothing, and gunicorn takes any number of them.
_FRAMING = re.compile(rb"\r\n(?:content-length:[ \t]*0*([0-9]{1,9})[ \t]*(?=\r\n)|transfer-encoding)", re.IGNORECASE)
_EXPECTING = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class Arrival:
    """What has come of a request, and until when the rest may."""

    connection: Any
    content: bytearray
    ends_at: float
    is_told_to_continue: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether a thread can take it without waiting. What cannot be told is the parser's to find out."""
        end = self.content.find(b"\r\n\r\n")
        if end < 0:
            return len(self.content) > _HEAD_MAX_BYTES
        lengths = _FRAMING.findall(self.content, 0, end + 2)
        announced = int(lengths[0] or 0) if len(lengths) == 1 else 0
        return announced > AHEAD_BYTES or len(self.content) >= end + 4 + announced

    @property
    def waits_to_be_told(self) -> bool:
        """Whether its sender wants to hear that we are listening before it sends the body."""
        end = self.content.find(b"\r\n\r\n")
        return not self.is_told_to_continue and end > 0 and _EXPECTING.search(self.content, 0, end) is not None


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    alive: bool
    wsgi: Any

    def init_process(self) -> None:
        self._arriving: dict[Any, Arrival] = {}  # in the order in which they end
        self._drained_at: float | None = None
        super().init_process()

    def load_wsgi(self) -> None:
        """Lets the application know whether the server is leaving."""
        super().load_wsgi()
        from api.health import LEAVING  # noqa: PLC0415 -- gunicorn's master loads this module without an application

        application = self.wsgi

        def run(environ: dict[str, Any], start_response: Any) -> Any:
            environ[LEAVING] = self._drained_at is not None
            return application(environ, start_response)

        self.wsgi = run

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: the first begins to drain, the second ends at once."""
        if self._drained_at is None and settings.DRAIN_SECONDS:
            self._drained_at = time.monotonic() + settings.DRAIN_SECONDS
        else:
            super().handle_exit(sig, frame)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """While it drains, callers are asked to come back by another connection, which leads to another server."""
        if self._drained_at is not None:
            req.force_close()
        return super().handle_request(req, conn)

    def set_accept_enabled(self, enabled: bool) -> None:
        """A worker that stops takes in who waits at its door, and closes it: whoever comes now is refused at once and goes
        elsewhere, instead of waiting in a line that ends with the process.
        """
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            taken = -1
            while taken < self.nr_conns < self.worker_connections:
                taken = self.nr_conns
                self.accept(listener)
            listener.close()

    def murder_keepalived(self, force: bool = False) -> None:
        """Called after every event. Kept connections on which nothing happens give way when there is no place for others:
        gunicorn leaves as many places as there are threads, and whoever takes those, too, would shut everybody out.
        """
        super().murder_keepalived(force)
        while self.keepalived_conns and self.nr_conns >= self.worker_connections:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def enqueue_req(self, conn: TConn) -> None:
        """gunicorn's own door to the threads, for new and for kept connections: first the request arrives."""
        if len(self._arriving) >= self.max_keepalived:
            self._give_up(next(iter(self._arriving.values())))  # a place for somebody who may be quicker
        read_ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        arrival = Arrival(conn, bytearray(read_ahead), time.monotonic() + settings.REQUEST_ARRIVAL_SECONDS)
        conn.sock.setblocking(False)
        self._arriving[conn] = arrival
        if not self._receive(arrival):
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_arriving, arrival))

    def _on_arriving(self, arrival: Arrival, sock: Any) -> None:
        if arrival.connection not in self._arriving:
            return  # given up since the event
        self.poller.unregister(sock)
        if not self._receive(arrival):
            self.poller.register(sock, selectors.EVENT_READ, partial(self._on_arriving, arrival))

    def _receive(self, arrival: Arrival) -> bool:
        """Takes what has come; whether the request went on to a thread, because it is whole or nothing will follow."""
        conn = arrival.connection
        is_over = False
        try:
            piece = conn.sock.recv(_PIECE_BYTES)
            arrival.content += piece
            is_over = not piece
            if arrival.waits_to_be_told and not arrival.is_complete:
                arrival.is_told_to_continue = True
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except BlockingIOError:
            pass
        except OSError:
            is_over = True  # the parser meets it again
        if not is_over and not arrival.is_complete:
            return False
        del self._arriving[conn]
        conn.init()
        conn.parser.unreader.unread(bytes(arrival.content))
        conn.data_ready = True
        super().enqueue_req(conn)
        return True

    def murder_pending(self) -> None:
        """Called at least once a second."""
        super().murder_pending()
        now = time.monotonic()
        if self.alive and self._drained_at is not None and now >= self._drained_at:
            self.alive = False
        if not self.alive:
            for arrival in self._arriving.values():
                arrival.ends_at = min(arrival.ends_at, now + _STOPPING_SECONDS)
        for arrival in list(takewhile(lambda arrival: arrival.ends_at <= now, self._arriving.values())):
            self._give_up(arrival)

    def _give_up(self, arrival: Arrival) -> None:
        """Closes a connection whose request does not come. Who has sent nothing is told nothing."""
        conn = arrival.connection
        del self._arriving[conn]
        self.poller.unregister(conn.sock)
        with suppress(OSError):
            if arrival.content:
                conn.sock.send(_refusal(HTTPStatus.REQUEST_TIMEOUT))
        self.nr_conns -= 1
        conn.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Called for what the parser refuses, and for what nobody expected."""
        status = _status_of(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.exception("Error handling a request")
        else:
            self.log.warning("Not HTTP as it is taken here: %s", type(exc).__name__)
        with suppress(OSError):
            client.sendall(_refusal(status))


def _status_of(error: Exception) -> HTTPStatus:
    match error:
        case errors.InvalidResponseHeader() | errors.InvalidResponseHeaderName():
            return HTTPStatus.INTERNAL_SERVER_ERROR
        case errors.LimitRequestLine():
            return HTTPStatus.REQUEST_URI_TOO_LONG
        case errors.LimitRequestHeaders():
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        case errors.ParseException():
            return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _refusal(status: HTTPStatus) -> bytes:
    """A whole answer, after which the connection is closed."""
    # gunicorn's master loads this module as well, and has no application that could word anything.
    from api import problems  # noqa: PLC0415

    response = problems.without_request(status)
    head = f"HTTP/1.1 {int(status)} {status.phrase}\r\nConnection: close\r\nContent-Length: {len(response.content)}\r\n"
    return head.encode() + response.serialize()
