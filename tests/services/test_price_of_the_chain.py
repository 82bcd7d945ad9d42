"""`benchmarks/bench_audit.py` measures what it says: a moment of it, which is too short to be held to the budget."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.conftest import Deployment

pytestmark = pytest.mark.services

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "bench_audit.py"


def test_the_price_of_the_chain_is_measured(deployed: Deployment) -> None:
    ended = subprocess.run(
        [sys.executable, BENCHMARK, "0.05"],
        env={
            **os.environ,
            "DATABASE_URL": deployed.environment["DATABASE_URL"],
            "DJANGO_SETTINGS_MODULE": "core.settings",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode in {0, 1}, ended.stderr
    rates = re.search(r"(\d+) contacts/s with the chain, (\d+) without\nratio [\d.]+, budget ≥ 0\.9", ended.stdout)
    assert rates, ended.stdout + ended.stderr
    assert all(int(rate) > 0 for rate in rates.groups())
