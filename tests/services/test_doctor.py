"""`manage.py doctor` in front of stores that are wrong in one way each: it says so in a sentence, tries all the others, and
ends as a failure; in front of stores that are well it has nothing to say.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from tests.faults.stores import OwnRedis
from tests.services.conftest import Deployment
from tests.services.servers import ROOT, START_SECONDS, database_named, manage

pytestmark = pytest.mark.services

EXAMINED = [
    "configuration",
    "database",
    "migrations",
    "replica",
    "state store",
    "cache",
    "broker",
    "files",
    "storage",
    "mail",
]
SMTP = {"EMAIL_PROVIDER": "smtp", "EMAIL_HOST": "127.0.0.1"}

# What is wrong, and the beginning of what is said about it.
WRONG: list[tuple[dict[str, str], str]] = [
    ({"SECRET_KEY": "short"}, "configuration: SECRET_KEY is missing or shorter than 32 characters"),
    ({"DATABASE_REPLICA_URL": "mysql://nobody@127.0.0.1:1/handset"}, "replica: does not answer: OperationalError"),
    ({"REDIS_STATE_URL": "redis://127.0.0.1:1/0"}, "state store: does not answer: StateUnavailable"),
    ({"REDIS_CACHE_URL": "redis://127.0.0.1:1/0"}, "cache: does not answer: ConnectionError"),
    ({"CELERY_BROKER_URL": "amqp://127.0.0.1:1//"}, "broker: does not answer: OperationalError"),
    ({"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}, "broker: does not answer: OperationalError"),
    ({"FILES_PATH": "/proc/nowhere"}, "storage: takes nothing ("),
    (
        {
            "AWS_STORAGE_BUCKET_NAME": "handset-files",
            "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_S3_REGION_NAME": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        },
        "storage: takes nothing (",
    ),
    (SMTP | {"EMAIL_PORT": "1"}, "mail: does not answer: ConnectionRefusedError"),
]


def examined(environment: dict[str, str]) -> tuple[int, list[str], list[str]]:
    """(exit status, what is well, what is said of the rest)."""
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--no-color"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,  # how it ends is the test
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    lines = done.stdout.splitlines()
    well = [line.removeprefix("✔ ") for line in lines if line.startswith("✔")]
    return done.returncode, well, [line.removeprefix("✘ ") for line in lines if line.startswith("✘")]


def complains(environment: dict[str, str], sentence: str) -> None:
    """About this, and about nothing else that could be tried without it."""
    status, well, said = examined(environment)
    assert status == 1
    assert [line for line in said if line.startswith(sentence)], said
    wrong = {line.split(":", 1)[0] for line in said}
    assert set(well) == set(EXAMINED) - wrong
    assert len(wrong) == 1, said


@pytest.fixture
def environment(deployed: Deployment, tmp_path: Path) -> dict[str, str]:
    return deployed.environment | {"VAR_DIR": str(tmp_path), "EMAIL_PROVIDER": "console"}


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    store = OwnRedis(tmp_path)
    yield store
    store.kill()


def test_what_is_well_is_said_to_be_well(environment: dict[str, str]) -> None:
    assert examined(environment) == (0, EXAMINED, [])


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_what_is_wrong_is_named(environment: dict[str, str], changes: dict[str, str], sentence: str) -> None:
    if "DATABASE_REPLICA_URL" in changes and connection.vendor != "mysql":
        changes = {"DATABASE_REPLICA_URL": changes["DATABASE_REPLICA_URL"].replace("mysql", "postgres")}
    complains(environment | changes, sentence)


def test_a_folder_that_takes_no_file_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    printed = manage(environment, "new_secrets")
    secrets = dict(re.findall(r"^([A-Z_]+)='?(.*?)'?$", printed, re.MULTILINE))
    # Not the embedded default, which keeps secrets there and does not get as far.
    hardened = {"DJANGO_ENV": "staging", "ALLOWED_HOSTS": "api.example.com", "TRUSTED_PROXY_COUNT": "1"}
    nowhere = {"FRONTEND_URL": "https://api.example.com", "VAR_DIR": "/proc/nowhere", "FILES_PATH": str(tmp_path)}
    complains(environment | secrets | hardened | nowhere, "files: does not answer: FileNotFoundError")


def test_a_database_that_is_away_is_named_with_what_needs_it(environment: dict[str, str]) -> None:
    scheme = environment["DATABASE_URL"].split(":", 1)[0]
    status, well, said = examined(environment | {"DATABASE_URL": f"{scheme}://nobody@127.0.0.1:1/handset"})
    assert status == 1
    assert [line for line in said if line.startswith("database: does not answer: OperationalError")], said
    assert {line.split(":", 1)[0] for line in said} <= {"database", "migrations", "configuration"}
    assert {"state store", "cache", "broker", "files", "storage", "mail"} <= set(well)


def test_migrations_that_are_missing_are_counted(environment: dict[str, str]) -> None:
    with database_named("ops_doctor_empty") as url:
        complains(environment | {"DATABASE_URL": url}, "migrations: ")


def test_a_replica_of_something_else_is_told_from_one(environment: dict[str, str]) -> None:
    assert examined(environment | {"DATABASE_REPLICA_URL": environment["DATABASE_URL"]}) == (0, EXAMINED, [])
    with database_named("ops_doctor_replica") as url:
        status, _, said = examined(environment | {"DATABASE_REPLICA_URL": url})
    assert status == 1
    assert [line for line in said if line.startswith("replica: ")], said


def test_a_database_without_all_characters_is_refused(environment: dict[str, str]) -> None:
    if connection.vendor != "mysql":
        pytest.skip("PostgreSQL has one character set, which is all of them")
    with database_named("ops_doctor_latin") as url:
        with connection._nodb_cursor() as cursor:
            cursor.execute("ALTER DATABASE ops_doctor_latin CHARACTER SET latin1")
        _, _, said = examined(environment | {"DATABASE_URL": url})
    assert [line for line in said if line.startswith("database: its character set is utf8mb4, its collation latin1")], (
        said
    )


def test_a_server_that_cuts_values_silently_is_refused(environment: dict[str, str]) -> None:
    if connection.vendor != "mysql":
        pytest.skip("PostgreSQL is strict")
    lax = environment["DATABASE_URL"] + "?init_command=" + quote("SET SESSION sql_mode=''")
    complains(environment | {"DATABASE_URL": lax}, "database: strict SQL mode is off")


@pytest.mark.parametrize(
    ("variable", "settings", "sentence"),
    [
        ("REDIS_STATE_URL", {"maxmemory-policy": "allkeys-lru"}, "state store: REDIS_STATE_URL evicts (allkeys-lru)"),
        ("REDIS_STATE_URL", {"save": "3600 1"}, "state store: REDIS_STATE_URL keeps snapshots only"),
        (
            "REDIS_CACHE_URL",
            {"maxmemory": "20mb", "maxmemory-policy": "noeviction"},
            "cache: REDIS_CACHE_URL evicts nothing (noeviction)",
        ),
    ],
)
def test_a_redis_with_the_wrong_policy_is_named(
    environment: dict[str, str], own_redis: OwnRedis, variable: str, settings: dict[str, str], sentence: str
) -> None:
    well = environment | {variable: own_redis.url(0)}
    assert examined(well) == (0, EXAMINED, [])
    client = own_redis.client()
    for name, value in settings.items():
        client.config_set(name, value)
    if "save" in settings:
        client.bgsave()
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            time.sleep(0.05)
    complains(well, sentence)
