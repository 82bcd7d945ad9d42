"""`.env.example` says what the settings read: every variable, in their order, with the defaults of the code."""

import json
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
LINE = re.compile(r"# ([A-Z][A-Z0-9_]*)=(.*)")

# In a process of its own: the suite's settings have set variables, and its modules are imported once.
SCRIPT = """
import json
from core import settings
from core.settings import env
values = {name: repr(getattr(settings, name)) for name in dir(settings) if name.isupper()}
print(json.dumps({"read": env.VARIABLES, "values": values}))
"""


def documented() -> list[tuple[str, str]]:
    """The (name, default) of every line of the file, in its order."""
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    return [(match[1], match[2]) for match in map(LINE.fullmatch, lines) if match]


def loaded(**environment: str) -> tuple[list[str], dict[str, str]]:
    """What the settings read with nothing but these variables, and what they became."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    answer = json.loads(run.stdout)
    return answer["read"], answer["values"]


def test_env_example_holds_exactly_what_is_read_in_that_order(tmp_path: Path) -> None:
    read, _ = loaded(VAR_DIR=str(tmp_path))

    assert [name for name, _ in documented()] == read


def test_defaults_in_env_example_are_those_of_the_code(tmp_path: Path) -> None:
    _, without = loaded(VAR_DIR=str(tmp_path))
    given = {name: default for name, default in documented() if default}
    # These are written relative to the project.
    given |= {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/handset.sqlite3",
        "EMAIL_FILE_PATH": f"{tmp_path}/mail",
    }
    _, with_defaults = loaded(**given)

    assert with_defaults == without


def test_every_variable_has_its_own_comment() -> None:
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    above = dict(zip(lines[1:], lines, strict=False))

    assert [
        line for line in lines if LINE.fullmatch(line) and (LINE.fullmatch(above[line]) or len(above[line]) < 5)
    ] == []
