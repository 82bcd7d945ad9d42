"""What stands before the storage and can fail, in the ways that storages do: it answers 500, says nothing, or breaks off in the
middle of what it says.
"""

import http.client
import threading
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PASSED_ON_SECONDS = 30
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Fault(Enum):
    """How a request fails. A request that breaks off is carried out."""

    ERROR = "answers 500"
    SILENCE = "says nothing"
    BREAK = "breaks off"


class Gateway:
    """Passes requests on to `endpoint`, all of them or only the next few."""

    def __init__(self, endpoint: str) -> None:
        gateway = self
        target = urlsplit(endpoint).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = gateway._fault_of_next()
                if fault is Fault.ERROR:
                    self.send_response(500)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if fault is Fault.SILENCE:
                    gateway._is_well.wait(_PASSED_ON_SECONDS)
                    self.close_connection = True
                    return
                behind = http.client.HTTPConnection(target, timeout=_PASSED_ON_SECONDS)
                try:
                    behind.request(self.command, self.path, body, dict(self.headers.items()))
                    answer = behind.getresponse()
                    content = answer.read()
                finally:
                    behind.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OF_THE_CONNECTION:
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                if fault is Fault.BREAK:
                    content = content[: len(content) // 2]
                    self.close_connection = True
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 -- the names that are called

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._lock = threading.Lock()
        self._left: int | None = None
        self._fault = Fault.ERROR
        self._is_well = threading.Event()
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fail_after(self, number: int, fault: Fault = Fault.ERROR) -> None:
        """Passes so many requests on; the others fail."""
        with self._lock:
            self._left, self._fault, self.refused = number, fault, 0
            self._is_well.clear()

    def recover(self) -> None:
        with self._lock:
            self._left = None
            self._is_well.set()

    def close(self) -> None:
        self.recover()
        self._server.shutdown()
        self._server.server_close()

    def _fault_of_next(self) -> Fault | None:
        with self._lock:
            if self._left is None:
                return None
            self._left -= 1
            self.refused += self._left < 0
            return self._fault if self._left < 0 else None
