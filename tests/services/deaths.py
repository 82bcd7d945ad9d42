"""Deaths at a chosen step: of a store, or of whoever talks to it.

A bucket is reached through a proxy that counts its requests; for a folder, every process counts what it does there.
"""

import http.client
import os
import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class BucketProxy:
    """Forwards each request to `target`, and does what it is told at the one of a number (from 1)."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.be_well()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def be_well(self) -> None:
        """Everything passes; counting begins anew."""
        with self._lock:
            self.requests = 0
            self._at, self._is_carried_out, self._on_time = 0, False, lambda: None
            self._is_gone = False

    def go(self, at: int, *, is_carried_out: bool) -> None:
        """From this request on nothing is answered; whether it is still carried out itself."""
        self.be_well()
        self._at, self._is_carried_out = at, is_carried_out

    def tell(self, at: int, on_time: Callable[[], object]) -> None:
        """Calls `on_time` before this request is carried out, which it is not then."""
        self.go(at, is_carried_out=False)
        self._on_time = self._then_well(on_time)

    def _then_well(self, on_time: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            on_time()
            self._is_gone = False

        return run

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _is_forwarded(self) -> tuple[bool, bool]:
        """Whether a request that has come is carried out, and whether it is answered."""
        with self._lock:
            self.requests += 1
            if self.requests != self._at:
                return not self._is_gone, not self._is_gone
            self._is_gone = True
            self._on_time()
            return self._is_carried_out, False

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_carried_out, is_answered = proxy._is_forwarded()
                if is_carried_out:
                    with closing(http.client.HTTPConnection(proxy._target, timeout=30)) as wire:
                        kept = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                        wire.request(self.command, self.path, body or None, kept)
                        answer = wire.getresponse()
                        content = answer.read()
                self.close_connection = not is_answered
                if is_answered:
                    self.send_response_only(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                            self.send_header(name, value)
                    length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
                    self.send_header("Content-Length", length or str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 -- the names that are looked for

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        return Handler


# Runs in every process of the server, before anything of it: Python imports a module of this name when it starts.
_HOOK = """
import os, signal, sys
_here = os.path.dirname(__file__)
_files = open(os.path.join(_here, "files")).read()
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def _watch(event, arguments):
    if event not in ("open", "os.mkdir", "os.rename", "os.remove"):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return
    if not str(arguments[0]).startswith(_files):
        return
    steps = os.open(os.path.join(_here, "steps"), os.O_RDWR | os.O_APPEND)
    os.write(steps, (event + "\\n").encode())
    number = os.pread(steps, 1 << 20, 0).count(b"\\n")
    os.close(steps)
    at = os.open(os.path.join(_here, "at"), os.O_RDONLY)
    if number == int(os.read(at, 20)):
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(at)

sys.addaudithook(_watch)
"""


class FolderTrap:
    """Kills the process that is about to do the step of a number (from 1) in a folder: to make something, rename or delete it."""

    def __init__(self, folder: Path, files: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_HOOK)
        (folder / "files").write_text(str(files))
        self.set(0)

    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        """Of processes that are to walk into it."""
        return {**environment, "PYTHONPATH": f"{self._folder}{os.pathsep}{environment['PYTHONPATH']}"}

    def set(self, at: int) -> None:
        """0 kills nobody. Counting begins anew."""
        (self._folder / "at").write_text(str(at))
        (self._folder / "steps").write_text("")

    @property
    def steps(self) -> int:
        return (self._folder / "steps").read_text().count("\n")
