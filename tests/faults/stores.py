"""Stores that a test may stop, pause, fill and kill: instances of their own, on free ports, in folders of their own."""

import getpass
import importlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.services.servers import STOP_SECONDS, free_port, wait_until

_START_SECONDS = 30


def _mysql() -> Any:
    """The driver, which is there once the production lock is installed; tests that are merely collected want none."""
    return importlib.import_module("MySQLdb")


def _program(name: str) -> str:
    """Where a server's program is. Without it the test fails, lest anybody take silence for success."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(f"These tests start a {name} of their own: install it.", pytrace=False)
    return found


class Store:
    """A server process; `start` again after `kill`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd=self.folder)
        wait_until(self._answers, f"{self._command()[0]} on {self.port} is up", seconds=_START_SECONDS)

    def pause(self) -> None:
        """It goes on taking connections, as the kernel does that, and answers nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it without a chance to save anything. Harmless when it has ended."""
        assert self._process is not None
        self._signal(signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, number)


class OwnRedis(Store):
    """Without persistence: what it knew is gone when it is started again."""

    def _command(self) -> list[str]:
        settings = {"bind": "127.0.0.1", "port": str(self.port), "save": "", "maxmemory-policy": "noeviction"}
        return [_program("redis-server"), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client().ping())
        return False

    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, socket_timeout=5)

    def url(self, number: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"


class OwnReplica(OwnRedis):
    """Follows a Redis, until Sentinels make it the primary."""

    def __init__(self, folder: Path, primary: OwnRedis) -> None:
        self._primary = primary
        super().__init__(folder)

    def _command(self) -> list[str]:
        # Sentinel compares what both have read: without a pause before it copies, it has read something soon.
        followed = ["--replicaof", "127.0.0.1", str(self._primary.port), "--repl-diskless-sync-delay", "0"]
        return [*super()._command(), *followed]

    def _answers(self) -> bool:
        return super()._answers() and self.client().info("replication").get("master_link_status") == "up"


class OwnSentinel(OwnRedis):
    """One of several that watch a Redis, and take it for dead after a second."""

    NAME = "handset"

    def __init__(self, folder: Path, primary: OwnRedis) -> None:
        self._watched = primary
        super().__init__(folder)

    def _command(self) -> list[str]:
        configuration = self.folder / "sentinel.conf"
        if not configuration.exists():  # it writes down there what it finds out
            lines = (
                f"monitor {self.NAME} 127.0.0.1 {self._watched.port} 2",
                f"down-after-milliseconds {self.NAME} 1000",
                f"failover-timeout {self.NAME} 5000",
            )
            text = "".join(f"sentinel {line}\n" for line in lines)
            configuration.write_text(f"bind 127.0.0.1\nport {self.port}\n{text}")
        return [_program("redis-server"), str(configuration), "--sentinel"]

    def knows(self, replicas: int, others: int) -> bool:
        """Whether it has found everybody."""
        found = self.client().sentinel_master(self.NAME)
        return bool(found["num-slaves"] == replicas and found["num-other-sentinels"] == others)

    def primary(self) -> int:
        """The port of what it takes for the primary."""
        return int(self.client().sentinel_get_master_addr_by_name(self.NAME)[1])


class OwnMariaDB(Store):
    """With an ordinary user for the application: what root may do on a server that is read-only, nobody else may."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        command = [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self._data}",
            f"--user={getpass.getuser()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=_START_SECONDS)
        super().__init__(folder)
        self.execute("CREATE DATABASE handset CHARACTER SET utf8mb4")
        self.execute("CREATE USER handset@'%' IDENTIFIED BY 'handset'")
        self.execute("GRANT ALL ON handset.* TO handset@'%'")

    def _command(self) -> list[str]:
        return [
            _program("mariadbd"),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self._data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--innodb-buffer-pool-size=64M",
            "--skip-log-bin",
            "--skip-name-resolve",
        ]

    def _answers(self) -> bool:
        with suppress(_mysql().OperationalError):
            return self.execute("SELECT 1") == [(1,)]
        return False

    def connect(self) -> Any:
        """A connection of root, which has one in reserve when all others are taken."""
        return _mysql().connect(
            unix_socket=str(self.folder / "socket"), user="root", charset="utf8mb4", connect_timeout=5, autocommit=True
        )

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement that root gives."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql, arguments or None)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def take_connections(self, number: int) -> list[Any]:
        """Connections of root, until that many are taken and the server gives no more to the application."""
        taken = [self.connect()]
        cursor = taken[0].cursor()
        cursor.execute(f"SET GLOBAL max_connections = {number}")
        while len(taken) < number:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'handset'")
            for (process_id,) in cursor.fetchall():
                with suppress(_mysql().OperationalError):  # it has ended by itself
                    cursor.execute(f"KILL CONNECTION {process_id}")
            with suppress(_mysql().OperationalError):  # the application was faster
                taken.append(self.connect())
        return taken

    def url(self, port: int | None = None, **options: int) -> str:
        """Where the application finds it, or finds it behind a proxy on `port`."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"mysql://handset:handset@127.0.0.1:{port or self.port}/handset?{query}"


def rest(seconds: float) -> None:
    """Lets a fault last. It is the one thing that a test of faults has to wait for by the clock."""
    time.sleep(seconds)
