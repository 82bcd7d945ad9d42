"""What stands before the storage and can fail: it answers 500 when it is told to."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_PASSED_ON_SECONDS = 30
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Gateway:
    """Passes requests on to `endpoint`, all of them or only the next few."""

    def __init__(self, endpoint: str) -> None:
        gateway = self
        target = urlsplit(endpoint).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not gateway._may_pass():
                    self.send_response(500)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
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
                self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 -- the names that are called

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._lock = threading.Lock()
        self._left: int | None = None
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fail_after(self, number: int) -> None:
        """Passes so many requests on; the others are answered 500."""
        with self._lock:
            self._left, self.refused = number, 0

    def recover(self) -> None:
        with self._lock:
            self._left = None

    def close(self) -> None:
        self.recover()
        self._server.shutdown()
        self._server.server_close()

    def _may_pass(self) -> bool:
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            self.refused += self._left < 0
            return self._left >= 0
