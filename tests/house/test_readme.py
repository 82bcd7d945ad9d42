"""The README's worked example, carried out word for word in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PARTS = ("api", "clients", "core", "static", "templates", "tests", "manage.py", "pyproject.toml")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache", "node_modules")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


def run(copy: Path, *command: str) -> str:
    stores = ("DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL")
    environment = {name: value for name, value in os.environ.items() if name not in stores}
    environment |= {
        "VAR_DIR": str(copy / "var"),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(copy),
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def insert(path: Path, before: str, line: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, line + before, 1))


def test_a_newcomer_adds_a_domain_by_the_readme(copy: Path) -> None:
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 8
    for name, text in blocks:
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    insert(copy / "api/models/__init__.py", "from api.models.onboarding", "from api.models.notes import Note\n")
    insert(copy / "api/models/__init__.py", '    "Organization",', '    "Note",\n')
    table = copy / "api/apis/orgs/selectors/permissions.py"
    insert(table, '    "contacts.read"', '    "notes.read": _EVERYONE,\n    "notes.create": _WORKERS,\n')
    insert(copy / "api/urls.py", '    ("contacts/", "contacts"),', '    ("notes/", "notes"),\n')
    order = (copy / "pyproject.toml").read_text().replace(' | users"', ' | notes | users"')
    (copy / "pyproject.toml").write_text(order)

    run(copy, "manage.py", "makemigrations", "api", "--name", "notes")
    run(copy, "manage.py", "check")
    assert "1 passed" in run(copy, "-m", "pytest", "-q", "tests/apis/notes")
    run(copy, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache")
