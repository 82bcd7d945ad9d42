"""Real processes to test against: databases of their own, gunicorn masters, management commands.

Whatever is started here is ended here, by its process id.
"""

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 300  # of a busy machine
STOP_SECONDS = 15
_PAUSE_SECONDS = 0.02  # between two looks at something that is awaited

# Limits have a test of their own, with servers of their own; nothing else should meet one.
UNLIMITED = {
    f"RATE_{scope}": "1000000/min"
    for scope in (
        "BURST",
        "SUSTAINED",
        "AUTH_TOKEN",
        "AUTH_ADDRESS",
        "MAGIC",
        "REFRESH",
        "DATA_MODIFICATION",
        "CONTENT_LISTING",
        "SEARCH",
    )
}
# Hashes are cheap: what is tested is who hashes, not how long it takes.
CHEAP_HASHES = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME_COST": "1", "PBKDF2_ITERATIONS": "40000"}


class AppKey(NamedTuple):
    key_id: str
    secret: str


def wait_until(is_so: Callable[[], Any], what: str, *, seconds: float = 10) -> Any:
    """The first true value of `is_so()`. Raises TimeoutError naming what never was."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = is_so()
        if found:
            return found
        time.sleep(_PAUSE_SECONDS)
    raise TimeoutError(f"not within {seconds} s: {what}")


_ports = itertools.count(20_000 + os.getpid() % 10_000)


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to clients."""
    for candidate in _ports:
        port = 20_000 + candidate % 12_000
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")


def deployment(**variables: str) -> dict[str, str]:
    """The environment of a server's processes: this one's, without what it says about rates, and `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATE_", "PYTEST_"))}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "core.settings",
        "DJANGO_ENV": "embedded",
        "LOG_FORMAT": "json",
        "WEB_THREADS": "8",
        "DEMO_SEED": "false",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients/signing/python")]),
        **CHEAP_HASHES,
        **variables,
    }


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    """What a management command prints. Raises RuntimeError with what it complained about."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,  # the error below says more
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


def make_app_key(environment: Mapping[str, str], key_id: str = "services") -> AppKey:
    """An app key, made as an operator makes one."""
    printed = manage(environment, "app_key", "create", key_id, "--platform", "other")
    facts = dict(line.split(": ", 1) for line in printed.splitlines())
    return AppKey(facts["key id"], facts["secret"])


class Process:
    """A process of ours, with what it writes kept in a file."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, *arguments: str, program: str = sys.executable
    ) -> None:
        self.log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [program, *arguments],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it without a chance to say anything."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Asks it to end; insists when it does not. Harmless when it has ended."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process.wait()


class Gunicorn(Process):
    """A gunicorn master with its workers, started exactly as a deployment starts it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        own = {"PORT": str(self.port), "BIND_ADDRESS": "127.0.0.1"}
        command = ("-m", "gunicorn", "-c", "core/gunicorn.conf.py", "core.wsgi:application")
        self._victims: set[int] = set()
        super().__init__({**environment, **own}, log, *command)

    def wait_until_up(self) -> None:
        wait_until(self._is_up, f"gunicorn on {self.port} is up", seconds=START_SECONDS)

    def _is_up(self) -> bool:
        if not self.is_running:
            raise RuntimeError(f"gunicorn has ended: {self.log.read_text()[-3000:]}")
        probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            probe.request("GET", "/health/live/")
            return probe.getresponse().status == 200
        except OSError:
            return False
        finally:
            probe.close()

    def workers(self) -> list[int]:
        """The process ids of the workers that live at this moment."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_a_worker(self) -> int:
        """Ends one worker in the middle of whatever it does, and returns its process id."""
        victim = self.workers()[0]
        self._victims.add(victim)
        os.kill(victim, signal.SIGKILL)
        return victim

    def failures(self, since: int = 0) -> list[str]:
        """What the log says, from byte `since` on, about answers that blame the server."""
        found = []
        for line in self.log.read_bytes()[since:].splitlines():
            if line.startswith(b"{"):
                entry = json.loads(line)
                is_failure = entry.get("status", 0) >= 500 or entry.get("level") in {"error", "critical"}
                if is_failure and not self._is_expected(entry):
                    found.append(_told(entry))
        return found

    def _is_expected(self, entry: Mapping[str, Any]) -> bool:
        """Whether it was our own doing: a worker's end, or a crowd that found no thread free and got to no view."""
        if entry.get("status") == 503:
            return entry["route"] is None
        return any(f"(pid:{victim})" in entry.get("event", "") for victim in self._victims)


def _told(entry: Mapping[str, Any]) -> str:
    """A log line as a failed test shows it: what, where in our code, and why."""
    told = [str(entry.get(name)) for name in ("event", "method", "route", "status") if entry.get(name)]
    for error in entry.get("exception") or []:
        ours = [frame for frame in error["frames"] if str(ROOT / "api") in frame["filename"]]
        places = [f"{Path(frame['filename']).name}:{frame['lineno']} {frame['name']}" for frame in ours[-3:]]
        told.append(f"{error['exc_type']}: {error['exc_value']} ({' > '.join(places)})")
    return " ".join(told)


@contextmanager
def database_named(name: str) -> Iterator[str]:
    """A new, empty database beside the one that DATABASE_URL names; its URL. Dropped at the end."""
    quoted = connection.ops.quote_name(name)
    is_mysql = connection.vendor == "mysql"
    parts = urlsplit(os.environ["DATABASE_URL"])
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted}")
        cursor.execute(f"CREATE DATABASE {quoted}" + (" CHARACTER SET utf8mb4" if is_mysql else ""))
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {quoted}" + ("" if is_mysql else " WITH (FORCE)"))
