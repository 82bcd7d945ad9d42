"""Somebody who asks a server again and again whether it lives: a process of its own, which nothing here slows down.

    python -m tests.faults.probes PORT

prints a line for each probe: when it began, by the monotonic clock that all processes share, how long the answer took,
and its status (0: none within two seconds).
"""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.services.servers import ROOT, STOP_SECONDS

_EVERY_SECONDS = 0.05
_PATIENCE_SECONDS = 2
# What a probe may take. The machine has other work, so it is the best of each second that has to keep it.
PROMISED_MS = 100


class Probe(NamedTuple):
    at: float
    took_ms: float
    status: int


class Watch:
    """What the probes have found so far."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def between(self, begin: float, end: float) -> list[Probe]:
        """The probes that began in a span of the monotonic clock."""
        lines = self._log.read_text().splitlines()
        found = [Probe(float(at), float(took), int(status)) for at, took, status in map(str.split, lines)]
        return [probe for probe in found if begin <= probe.at < end]

    def require_alive(self, begin: float, end: float) -> str:
        """Every probe was answered with 200, and in each second one of them in time. Says how long they took."""
        probes = self.between(begin, end)
        assert {probe.status for probe in probes} == {200}
        best: dict[int, float] = {}
        for probe in probes:
            second = int(probe.at - begin)
            best[second] = min(probe.took_ms, best.get(second, probe.took_ms))
        assert len(best) >= int(end - begin)
        assert max(best.values()) <= PROMISED_MS, best
        took = sorted(probe.took_ms for probe in probes)
        middle, late = took[len(took) // 2], took[len(took) * 95 // 100]
        return f"liveness {len(took)} × 200, median {middle:.1f} ms, 95 % {late:.1f} ms, worst {took[-1]:.1f} ms"


@contextmanager
def watching(port: int, log: Path) -> Iterator[Watch]:
    """Probes the server on `port` as long as the block lasts."""
    with log.open("wb") as sink:
        prober = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.probes", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=sink,
        )
    try:
        yield Watch(log)
    finally:
        prober.kill()
        prober.wait(STOP_SECONDS)


def _probe(port: int) -> int:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        asking.request("GET", "/health/live/")
        return asking.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        asking.close()


def main() -> None:
    port = int(sys.argv[1])
    while True:
        began_at = time.monotonic()
        status = _probe(port)
        took = time.monotonic() - began_at
        sys.stdout.write(f"{began_at:.6f} {took * 1000:.3f} {status}\n")
        sys.stdout.flush()
        time.sleep(max(0.0, _EVERY_SECONDS - took))


if __name__ == "__main__":
    main()
