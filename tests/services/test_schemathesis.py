"""Schemathesis believes docs/openapi.yaml, and holds a real server to it: in every phase, as whoever may call."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.services.conftest import Deployment
from tests.services.servers import ROOT, manage

pytestmark = pytest.mark.services

DOCUMENT = ROOT / "docs/openapi.yaml"
CONFIGURATION = ROOT / "tests/services/schemathesis.toml"
# How deep: phases, and examples an operation. The person's calls get furthest.
DEPTHS = {
    "anonymous": ("examples,fuzzing", 2),
    "device": ("examples,fuzzing", 2),
    "person": ("examples,coverage,fuzzing,stateful", 1),
}


@contextmanager
def fuzzer(deployed: Deployment, who: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    phases, examples = DEPTHS[who]
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", str(DOCUMENT), "--url", deployed.base_urls[0],
        "--phases", phases, "--max-examples", str(examples), "--seed", "1",
        "--continue-on-failure", "--generation-database", "none", "--no-color",
    ]  # fmt: skip
    variables = {
        "SCHEMATHESIS_HOOKS": "tests.services.fuzzing",
        "FUZZ_AS": who,
        "FUZZ_SEEN": str(folder / f"{who}.json"),
        "FUZZ_URL": deployed.base_urls[0],
        "FUZZ_KEY_ID": deployed.app_key.key_id,
        "FUZZ_KEY_SECRET": deployed.app_key.secret,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients/signing/python")]),
    }
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("who", DEPTHS)
def test_the_server_does_what_the_document_says(deployed: Deployment, who: str, tmp_path: Path) -> None:
    manage(deployed.environment, "app_key", "set", deployed.app_key.key_id, "--registrations-per-minute=1000000")
    with fuzzer(deployed, who, tmp_path) as process:
        told, _ = process.communicate()
    assert process.returncode == 0, told
    answers = [line.split() for line in json.loads((tmp_path / f"{who}.json").read_text())]
    called = {(verb, path) for verb, path, _ in answers}
    served = {(verb, path) for verb, path, status in answers if status < "300"}
    assert called >= set(operations())
    # Otherwise nothing but refusals was looked at.
    assert served >= {(verb, path) for verb, path in operations() if _is_for(who, verb, path)}


def operations() -> list[tuple[str, str]]:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    return [(verb.upper(), path) for path, verbs in paths.items() for verb in verbs]


def _is_for(who: str, verb: str, path: str) -> bool:
    """Whether a call of these can succeed without a code from a mail, without a file, and without two of something."""
    resource = path.removeprefix("/api/v1/")
    if who == "person":
        needs_more = resource in {"auth/email/verify/", "auth/delete/", "contacts/merge/"} or any(
            part in path for part in ("{image_id}", "{upload_id}", "import", "avatar")
        )
        return (verb == "GET" or resource.startswith("contacts/")) and not needs_more
    if who == "device":
        return resource in {"auth/check/", "auth/get-token/", "device/register/", "device/rotate/", "device/revoke/"}
    return path.startswith("/.well-known/")
