"""A production start without one of the variables that it needs: refused by the entry point of the image, with a sentence
that names the variable. The list is what the chart and compose.yaml tell an operator to give.
"""

import io
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent.parent
VALUES = ROOT / "deploy/helm/handset/values.yaml"
START_SECONDS = 60

# What no check can miss: without METRICS_TOKEN nobody reads metrics; EMAIL_HOST may be this machine.
OPTIONAL = {"METRICS_TOKEN", "EMAIL_HOST"}
STORES = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/handset",
    "REDIS_CACHE_URL": "redis://127.0.0.1:1/0",
    "REDIS_STATE_URL": "redis://127.0.0.1:1/1",
    "CELERY_BROKER_URL": "amqp://127.0.0.1:1//",
}


def of_the_chart() -> dict[str, str]:
    """The variables that the chart's values set, as its Secret and its `config` give them to a pod."""
    text = VALUES.read_text(encoding="utf-8")
    listed = re.search(r"with at least (.*?)\(", text, re.DOTALL)
    assert listed
    secret = {name: STORES.get(name, "") for name in re.findall(r"[A-Z][A-Z_]+", listed[1])}
    config: dict[str, str] = yaml.safe_load(text)["config"]
    return secret | config


REQUIRED = sorted(of_the_chart().keys() - OPTIONAL)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A production with what the chart asks for, and nothing else."""
    given = of_the_chart() | fresh_secrets()
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    folder = str(tmp_path_factory.mktemp("production"))
    return {**kept, "DJANGO_ENV": "production", "VAR_DIR": folder, **given}


@cache
def fresh_secrets() -> dict[str, str]:
    out = io.StringIO()
    call_command("new_secrets", stdout=out)
    found = dict(re.findall(r"^([A-Z_]+)='?(.*?)'?$", out.getvalue(), re.MULTILINE))
    return {name: value for name, value in found.items() if name in of_the_chart()}


def started(environment: dict[str, str]) -> tuple[int, str]:
    """How the image's entry point ends, when it gets as far as to look for the database, which is not there."""
    done = subprocess.run(
        ["sh", "entrypoint.sh", "manage", "wait_for_database", "--seconds", "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,  # how it ends is the test
    )
    return done.returncode, done.stdout + done.stderr


def test_nothing_but_the_database_is_missing_when_all_are_given(complete: dict[str, str]) -> None:
    status, said = started(complete)
    assert (status, "no database after 0 s" in said) == (1, True), said


@pytest.mark.parametrize("name", REQUIRED)
def test_without_it_nothing_starts_and_it_is_named(name: str, complete: dict[str, str]) -> None:
    status, said = started({other: value for other, value in complete.items() if other != name})
    sentences = [line for line in said.splitlines() if re.search(rf"\b{name} is (missing|empty|console)", line)]
    assert status, said
    assert sentences, said
    assert "Traceback" not in said
    assert "no database after" not in said


def test_an_empty_secret_file_is_a_missing_secret(complete: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("\n")
    status, said = started(complete | {"SECRET_KEY_FILE": str(tmp_path / "secret_key")})
    assert status
    assert "SECRET_KEY is missing" in said
