"""Every command of docs/runbooks is carried out as it is written there, on MariaDB, Redis and RabbitMQ; what cannot be carried
out without a cluster, an engine or somebody at the keyboard is named below, and a command in neither list fails.
"""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.db import connection

from api.apis.auth import services as auth
from api.models import Job, OutboxMessage, User
from api.platform import callers, factors
from tests.services.conftest import PASSWORD, Deployment
from tests.services.servers import ROOT, START_SECONDS, database_named, manage

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(
        not os.environ.get("DATABASE_URL", "").startswith("mysql"), reason="the runbooks speak MariaDB and MySQL"
    ),
]

RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))

INLINE = re.compile(r"`((?:\$P|manage\.py|mariadb|mysql|redis-cli|kubectl|docker|make|gunzip) [^`]*)`")

# Not carried out here, and why.
ELSEWHERE = {
    "docker compose exec web": "needs an engine",
    "kubectl --namespace handset exec deploy/handset-web --": "needs a cluster",
    "kubectl --namespace handset scale deploy/handset-web deploy/handset-worker deploy/handset-beat --replicas 0": "a cluster",
    "docker compose stop web worker jobs beat": "needs an engine",
    'gunzip < "$DUMP" | sed 1d': "a part of the command above it, for another client",
    "make bench": "takes an hour, and is what benchmarks/README.md is about",
    "make check": "of a developer's machine; CI runs it",
    "make test-services": "runs this",
}


def joined(block: str) -> list[str]:
    """The commands of a block: lines, with those that go on in the next, without remarks."""
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    return [stripped for line in lines if (stripped := re.sub(r"\s+#\s.*$", "", line).strip())]


def commands() -> list[tuple[str, str]]:
    """(runbook, command) of every block and every command within a sentence, each once."""
    found: dict[tuple[str, str], None] = {}
    for path in RUNBOOKS:
        text = path.read_text(encoding="utf-8")
        parts = re.split(r"^ *```.*$", text, flags=re.MULTILINE)
        for prose, block in zip(parts[::2], [*parts[1::2], ""], strict=True):
            for command in INLINE.findall(re.sub(r"\s*\n\s*", " ", prose)) + joined(block):
                found[path.stem, command] = None
    return list(found)


@dataclass
class Operator:
    """Somebody with a shell of the deployment, who does what the runbook says."""

    deployed: Deployment
    folder: Path

    def does(self, command: str, **variables: str) -> str:
        """What the command prints. Fails the test when it does not end well."""
        parts = urlsplit(os.environ["DATABASE_URL"])
        (self.folder / ".my.cnf").write_text(
            f"[client]\nhost={parts.hostname}\nport={parts.port or 3306}\n"
            f"user={unquote(parts.username or 'root')}\npassword={unquote(parts.password or '')}\n"
        )
        prelude = 'set -eu\nmanage.py() { (cd "$PROJECT" && python manage.py "$@"); }\nP=manage.py\n'
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        given = {"HOME": str(self.folder), "PATH": path, "PROJECT": str(ROOT), "DB_NAME": self.deployed.database}
        done = subprocess.run(
            ["bash", "-c", prelude + command],
            cwd=self.folder,
            env=self.deployed.environment | given | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,  # more is said below
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def operator(deployed: Deployment, tmp_path: Path) -> Operator:
    return Operator(deployed, tmp_path)


def person(operator: Operator, email: str) -> User:
    """Somebody with this address; whoever had it before in this database is left."""
    phone = operator.deployed.phone()
    phone.get_token()
    if not User.objects.filter(email=email).exists():
        phone.sign_up(email, PASSWORD)
    return User.objects.get(email=email)


def nothing(_: Operator, command: str) -> str:
    return command


def ada(operator: Operator, command: str) -> str:
    person(operator, "ada@example.com")
    return command


def receipt(operator: Operator, command: str) -> str:
    """The id that the first command printed, in place of the example's."""
    who = person(operator, "ada@example.com")
    auth.delete_person(callers.command("asked by mail"), user_id=who.id)
    job = Job.objects.filter(type__startswith="erasure").latest("created_at")
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", str(job.id), command)


def grace(operator: Operator, command: str) -> str:
    person(operator, "grace@example.com")
    return command


def grace_of_staff(operator: Operator, command: str) -> str:
    who = person(operator, "grace@example.com")
    auth.set_staff_roles(callers.command(), user_id=who.id, roles=["Support"])
    factors.new_recovery_codes(who)
    return command


def superusers(operator: Operator, command: str) -> str:
    """Two of them, and a code of the second."""
    for email in ("root@example.com", "ruth@example.com"):
        who = person(operator, email)
        User.objects.filter(id=who.id).update(is_staff=True, is_superuser=True)
    ruth = User.objects.get(email="ruth@example.com")
    return command.replace("123456", factors.new_recovery_codes(ruth)[0])


def nobody_yet(operator: Operator, command: str) -> str:
    return command.replace("grace@", f"grace-{uuid.uuid4().hex[:8]}@") + " --no-input"


def app_keys(operator: Operator, command: str) -> str:
    """The keys of the examples, under names of this run."""
    name = f"ios-{uuid.uuid4().hex[:8]}"
    if " create " not in command:
        manage(operator.deployed.environment, "app_key", "create", name, "--platform", "ios")
    return re.sub(r"ios-2026-1[12]|KEY$", name, command)


def marked(_: Operator, command: str) -> str:
    """The mark by which the other tests see that nobody else empties their store is set again."""
    return command + ' && redis-cli -u "$REDIS_STATE_URL" SET services:alone 1'


Prepare = Callable[[Operator, str], str]

# By the beginning of a command: what there has to be first, and what it then says.
CARRIED_OUT: dict[str, tuple[Prepare, str]] = {
    "$P migrate_once": (nothing, ""),
    "$P doctor": (nothing, r"✔ database\n✔ migrations"),
    "$P verify_audit": (nothing, r"\d+ rows of \d+ days hold"),
    "manage.py verify_audit": (nothing, r"\d+ rows of \d+ days hold"),
    "manage.py erase_person --email": (ada, r'"state": "PENDING"'),
    "manage.py erase_person --receipt": (receipt, r'"state": "(PENDING|STARTED|SUCCESS)"'),
    "python -c": (nothing, r"^k2:[\w-]{43}$"),
    "$P new_secrets": (nothing, r"JWT_SIGNING_KEYS='\[.*BEGIN PRIVATE KEY"),
    '$P shell --command "from api.models import Device;': (nothing, r"\[.*\]"),
    '$P shell --command "from api.models import OutboxMessage': (nothing, r"\(\d+, "),
    "$P app_key reseal": (nothing, r"\d+"),
    "$P app_key create": (app_keys, r"secret: [\w-]{43}"),
    "$P app_key deprecate": (app_keys, ""),
    "$P app_key block": (app_keys, ""),
    "$P revoke_everyone --yes": (ada, r"\d+ sessions of devices and \d+ of staff have ended"),
    "manage.py createsuperuser": (nobody_yet, r"may do everything now"),
    "manage.py staff_roles Support": (grace, r"grace@example.com\tSupport"),
    "manage.py staff_roles --email": (grace_of_staff, r"^(?![\s\S]*grace@example.com)"),
    "manage.py staff_factors --reset --email grace": (grace_of_staff, r"grace@example.com sets up new ones"),
    "manage.py staff_factors --reset --email root": (superusers, r"root@example.com sets up new ones"),
    "manage.py staff_factors": (grace_of_staff, r"grace@example.com\t"),
    "mariadb --execute \"SHOW VARIABLES LIKE 'max_connections'": (nothing, r"max_connections\t\d+"),
    'redis-cli -u "$REDIS_STATE_URL" FLUSHDB': (marked, r"OK\nOK"),
    "$P showmigrations api": (nothing, r"\[X\] 0001_initial"),
}
# Commands that only make sense one after the other: `test_a_backup_is_restored`.
STORY = ("set -o pipefail", "DUMP=", "mariadb-dump", 'gunzip < "$DUMP"', 'mariadb --execute "CREATE DATABASE')


def recipe(command: str) -> tuple[Prepare, str] | None:
    fitting = [start for start in CARRIED_OUT if command.startswith(start)]
    return CARRIED_OUT[max(fitting, key=len)] if fitting else None


RUNNABLE = [(place, command) for place, command in commands() if recipe(command)]


def test_every_command_is_carried_out_or_named() -> None:
    unknown = [
        (place, command)
        for place, command in commands()
        if not recipe(command) and command not in ELSEWHERE and not command.startswith(STORY)
    ]
    assert unknown == []
    written = {command for _, command in commands()}
    assert ELSEWHERE.keys() <= written
    assert {start for start in CARRIED_OUT if not any(command.startswith(start) for command in written)} == set()


@pytest.mark.parametrize(
    ("place", "command"), RUNNABLE, ids=[f"{place}: {command[:50]}" for place, command in RUNNABLE]
)
def test_a_command_does_what_the_runbook_says(operator: Operator, place: str, command: str) -> None:
    found = recipe(command)
    assert found
    prepare, says = found
    printed = operator.does(prepare(operator, command), DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    assert re.search(says, printed, re.MULTILINE), printed


def block(name: str, beginning: str) -> str:
    """The one block of a runbook with a command that begins so."""
    blocks = re.findall(r"^ *```.*\n([\s\S]*?)^ *```$", (ROOT / f"docs/runbooks/{name}.md").read_text(), re.MULTILINE)
    (found,) = [text for text in blocks if re.search(rf"^ *{re.escape(beginning)}", text, re.MULTILINE)]
    return found


def rows() -> dict[str, tuple[int, int]]:
    """(rows, checksum) of every table of ours."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT COUNT(*) FROM `{table}`")
            (number,) = cursor.fetchone()
            cursor.execute(f"CHECKSUM TABLE `{table}`")
            found[table] = (number, cursor.fetchone()[1])
    return found


def test_a_backup_is_restored(operator: Operator) -> None:
    """Dumped, lost, and there again to the last byte; what was due as mail then is not sent once more."""
    who = person(operator, "ada@example.com")
    auth.set_staff_roles(callers.command(), user_id=who.id, roles=["Support"])
    with database_named(f"handset_backup_{os.getpid()}") as url:
        pass  # a name that is free
    name = urlsplit(url).path.strip("/")
    operator.does(block("backup-and-restore", "mariadb-dump"))
    (dump,) = operator.folder.glob("handset-*.sql.gz")
    before = rows()
    assert sum(number for number, _ in before.values()) > 20
    variables = {"DB_NAME": name, "DUMP": dump.name, "DATABASE_URL": url}
    try:
        operator.does(block("backup-and-restore", 'mariadb --execute "CREATE DATABASE'), **variables)
        connection.close()
        connection.settings_dict["NAME"] = name
        assert rows() == before
        mails = OutboxMessage.objects.filter(done_at=None, failed_at=None, task__startswith="auth.")
        others = OutboxMessage.objects.exclude(id__in=mails.values("id")).count()
        operator.does("$P migrate_once; $P doctor; $P verify_audit", **variables)
        operator.does(block("backup-and-restore", "$P shell"), **variables)
        assert not mails.exists()
        assert OutboxMessage.objects.exclude(id__in=mails.values("id")).count() == others
    finally:
        connection.close()
        connection.settings_dict["NAME"] = operator.deployed.database
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")


def test_a_dump_that_breaks_off_is_no_backup(operator: Operator) -> None:
    with pytest.raises(AssertionError):
        operator.does(block("backup-and-restore", "mariadb-dump"), DB_NAME="handset_never_there")
    assert not list(operator.folder.glob("*.sql.gz"))
