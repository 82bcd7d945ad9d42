"""Load on a server's one worker: callers over sockets, its requests a second and its processor time for each request.

A caller writes bytes that were made beforehand and looks at little more than the status line of an answer: its own
work must not be what is measured.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Measured(NamedTuple):
    """Requests a second, and microseconds of the worker's processor time for each."""

    rate: float
    cpu_us: float


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


def request_bytes(
    method: str, path: str, port: int, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items() if name.lower() != "host"]
    if body or method not in {"GET", "HEAD"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Line:
    """A kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> Answer:
        head, body = self._exchange(request)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Answer(int(first.split()[1]), headers, body)

    def status_of(self, request: bytes) -> int:
        """The status of the answer, which is read and thrown away."""
        return int(self._exchange(request)[0][9:12])

    def _exchange(self, request: bytes) -> tuple[bytes, bytes]:
        self._socket.sendall(request)
        head, separator, body = b"", b"", b""
        while not separator:
            head, separator, body = self._more(head).partition(b"\r\n\r\n")
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            while not body.endswith(b"0\r\n\r\n"):
                body = self._more(body)
            return head, body
        at = lower.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        while len(body) < length:
            body = self._more(body)
        return head, body

    def _more(self, so_far: bytes) -> bytes:
        received = self._socket.recv(262_144)
        if not received:
            raise ConnectionError("the server has closed the connection")
        return so_far + received

    def close(self) -> None:
        self._socket.close()


def one_round(port: int, worker: int, supplies: Sequence[Iterable[bytes]], *, seconds: float) -> Measured:
    """A caller for each supply of requests, with a connection of its own, until the time is over or the supply is.

    Raises RuntimeError for an answer that is neither a success nor a 304.
    """
    counts = [0] * len(supplies)
    refused: list[int] = []
    deadline = 0.0
    gate = threading.Barrier(len(supplies) + 1)

    def call(number: int) -> None:
        line = Line(port)
        gate.wait()
        for request in supplies[number]:
            if time.perf_counter() > deadline:
                break
            status = line.status_of(request)
            if status >= 300 and status != 304:
                refused.append(status)
                break
            counts[number] += 1
        line.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(supplies))]
    for thread in threads:
        thread.start()
    cpu_before, started = cpu_seconds(worker), time.perf_counter()
    deadline = started + seconds
    gate.wait()
    for thread in threads:
        thread.join()
    took, cpu = time.perf_counter() - started, cpu_seconds(worker) - cpu_before
    if refused:
        raise RuntimeError(f"the server on port {port} answered {refused[0]}")
    return Measured(sum(counts) / took, cpu / max(1, sum(counts)) * 1e6)


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used: its own clock, finer than the ticks in /proc (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def separate(*servers: int) -> None:
    """Gives the servers one processor and us the others, where there are two."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        for pid in servers:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {processors[0]})
        os.sched_setaffinity(0, set(processors[1:]))
