"""Who may sign people in, as the settings say it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core import checks

from api.platform import oidc

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = {"issuer": "https://login.example.com/realms/work", "client_ids": ["handset"]}


def loaded(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a process makes of the environment."""
    script = "import json; from core import settings; print(json.dumps(settings.OIDC_PROVIDERS))"
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **variables}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_nobody_may_by_default(tmp_path: Path) -> None:
    assert json.loads(loaded(tmp_path).stdout) == {}


def test_providers_are_named_by_variables(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, GOOGLE_CLIENT_IDS="server, android", APPLE_CLIENT_IDS="app", OIDC_PROVIDERS=json.dumps({"work": GOOD})
    )
    assert json.loads(found.stdout) == {
        "google": {"issuer": "https://accounts.google.com", "client_ids": ["server", "android"]},
        "apple": {"issuer": "https://appleid.apple.com", "client_ids": ["app"]},
        "work": GOOD,
    }


@pytest.mark.parametrize("value", ["work", "[]", '{"work":'])
def test_what_is_no_json_object_is_named(tmp_path: Path, value: str) -> None:
    assert "OIDC_PROVIDERS is not valid" in loaded(tmp_path, OIDC_PROVIDERS=value).stderr


def problems() -> list[str | None]:
    return [problem.id for problem in checks.run_checks(tags=["handset"])]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("Work", GOOD),
        ("a b", GOOD),
        ("-", GOOD),
        ("", GOOD),
        ("x" * 33, GOOD),
        ("work", "https://login.example.com"),
        ("work", {"issuer": GOOD["issuer"]}),
        ("work", {**GOOD, "secret": "x"}),
        ("work", {**GOOD, "issuer": 1}),
        ("work", {**GOOD, "issuer": "login.example.com"}),
        ("work", {**GOOD, "issuer": "file:///etc/passwd"}),
        ("work", {**GOOD, "issuer": "https://"}),
        ("work", {**GOOD, "issuer": "https://["}),
        ("work", {**GOOD, "issuer": "https://login.example.com/?realm=work"}),
        ("work", {**GOOD, "issuer": "https://login.example.com/#work"}),
        ("work", {**GOOD, "issuer": f"https://login.example.com/{'x' * 255}"}),
        ("work", {**GOOD, "client_ids": []}),
        ("work", {**GOOD, "client_ids": "handset"}),
        ("work", {**GOOD, "client_ids": ["handset", ""]}),
        ("work", {**GOOD, "client_ids": [1]}),
    ],
    ids=repr,
)
def test_what_cannot_be_used_is_told_at_the_start(settings: Any, name: str, entry: Any) -> None:
    assert problems() == []
    settings.OIDC_PROVIDERS = {"work": GOOD}
    assert problems() == []
    assert oidc.providers()["work"].client_ids == frozenset({"handset"})
    settings.OIDC_PROVIDERS = {name: entry}
    assert problems() == ["handset.E008"]
