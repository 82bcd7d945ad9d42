"""Old code and new code, side by side, while a column is changed under them; and what the linter says of a migration that
would not allow it, by the statements of this database.
"""

import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.services.conftest import Deployment
from tests.services.servers import ROOT, database_named, manage, wait_until

pytestmark = pytest.mark.services

# By the name of a migration; what the code before it cannot live with, and what it can.
REFUSED = {
    "0002_no_default_of_the_database": 'AddField("Badge", "rank", models.IntegerField(default=1))',
    "0002_column_that_goes": 'RemoveField("Badge", "name")',
    "0002_other_name": 'RenameField("Badge", "name", "title")',
    "0002_other_type": 'AlterField("Badge", "name", models.IntegerField())',
    "0002_other_table": 'AlterModelTable("Badge", "other_badge")',
    "0002_table_that_goes": 'DeleteModel("Badge")',
}
TAKEN = {
    "0002_default_of_the_database": 'AddField("Badge", "rank", models.IntegerField(db_default=1))',
    "0002_nullable": 'AddField("Badge", "rank", models.IntegerField(null=True))',
    "0002_index": 'AddIndex("Badge", models.Index(fields=["name"], name="badge_name"))',
}
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("releases", "0001_badge")]
    operations = [migrations.{operation}]
"""

# What a process writes, at least, before and after each thing that happens to it.
SOME = 10
STOP_SECONDS = 30


class Release:
    """A running process of one release, which writes badges of numbers of its own."""

    _firsts = itertools.count(0, 1_000_000)

    def __init__(self, environment: dict[str, str], number: int) -> None:
        self.written = 0
        self._complaints: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.releases", str(next(self._firsts))],
            cwd=ROOT,
            env=environment | {"RELEASE": str(number)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip().isdecimal():
                self.written = int(line)
            else:
                self._complaints.append(line)

    def go_on(self) -> None:
        """Until it has written and read some more. Raises AssertionError with what it complains about."""
        before = self.written
        wait_until(lambda: self.written >= before + SOME or not self._listener.is_alive(), "it goes on", seconds=30)
        assert self.written >= before + SOME, "".join(self._complaints[-5:])

    def end(self) -> int:
        """How much it wrote."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(STOP_SECONDS) == 0
        self._listener.join()
        return self.written

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


class Site:
    """A database, and whoever runs on it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.running: list[Release] = []
        self.written = 0

    def start(self, number: int) -> None:
        self.running.append(Release(self.environment, number))
        self.go_on()

    def end_the_oldest(self) -> None:
        self.go_on()
        oldest = self.running.pop(0)
        self.written += oldest.end()
        oldest.kill()

    def go_on(self) -> None:
        for release in self.running:
            release.go_on()

    def migrate(self, name: str) -> None:
        self.go_on()
        manage(self.environment, "migrate", "releases", name, "--verbosity=0")
        self.go_on()


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Site]:
    with database_named(f"handset_releases_{os.getpid()}") as url:
        environment = deployed.environment | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.releases.settings"}
        found = Site(environment)
        try:
            yield found
        finally:
            for release in found.running:
                release.kill()


def test_a_column_is_changed_while_two_releases_use_it(site: Site) -> None:
    site.migrate("0001")
    site.start(1)
    site.migrate("0003")  # expand, under release 1
    site.start(2)
    site.end_the_oldest()
    filled = manage(
        site.environment | {"RELEASE": "2"},
        "shell",
        "--command",
        "from tests.releases.models import fill; print(fill())",
    )
    assert int(filled.split()[-1]) >= 2 * SOME
    site.start(3)
    site.end_the_oldest()
    site.start(4)
    site.end_the_oldest()
    site.migrate("0004")  # contract, under release 4
    site.end_the_oldest()
    assert site.written >= 10 * SOME


def test_the_release_before_does_not_live_with_a_contraction_that_comes_too_early(site: Site) -> None:
    """The test above can fail."""
    site.migrate("0003")
    site.start(3)
    with pytest.raises(AssertionError, match=r"Unknown column|does not exist"):
        site.migrate("0004")


def _verdicts(environment: dict[str, str], app: str) -> dict[str, str]:
    """What the linter says of each migration of `app`: OK, or ERR where the code before cannot live with it."""
    vendor = connection.vendor
    command = [sys.executable, "manage.py", "lintmigrations", app, "--sql-analyser", vendor, "--no-cache"]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found = dict(re.findall(rf"\({app}, (\w+)\)\.\.\. .*?(OK|ERR|WARNING)", said.stdout))
    assert found, said.stderr
    assert (said.returncode == 0) == ("ERR" not in found.values())
    return found


def test_the_linter_knows_what_the_code_before_cannot_live_with(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "candidates"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "0001_badge.py").write_text((ROOT / "tests/releases/migrations/0001_badge.py").read_text())
    for name, operation in (REFUSED | TAKEN).items():
        (folder / f"{name}.py").write_text(MIGRATION.format(operation=operation))
    settings = "from tests.releases.settings import *\nMIGRATION_MODULES = {'releases': 'candidates'}\n"
    (tmp_path / "candidate_settings.py").write_text(settings)
    path = os.pathsep.join([str(tmp_path), site.environment["PYTHONPATH"]])
    environment = site.environment | {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "candidate_settings"}
    expected = dict.fromkeys(REFUSED, "ERR") | dict.fromkeys(TAKEN, "OK")
    assert _verdicts(environment, "releases") == {"0001_badge": "OK"} | expected


def test_our_own_migrations_run_beside_the_code_before_them(site: Site) -> None:
    verdicts = _verdicts(site.environment, "api")
    assert verdicts.pop("0001_initial")  # nothing ran before it
    assert set(verdicts.values()) <= {"OK"}
