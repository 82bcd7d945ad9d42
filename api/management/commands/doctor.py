"""Tries every store and setting, and says in a sentence what is wrong and what to do."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.mail import get_connection
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from api.exceptions import ApiError
from api.platform import broker, cache, state, storage

_MAIL_TIMEOUT_SECONDS = 5


class Command(BaseCommand):
    help = "Tries every store, the mail server and every setting, and says what is wrong."
    requires_system_checks = []  # they are one of the examinations

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for name, examine in _EXAMINATIONS.items():
            try:
                complaints = list(examine())
            except Exception as error:  # noqa: BLE001 -- any failure of a store's client is a finding here
                complaints = [f"does not answer: {type(error).__name__}: {error}"]
            failed += len(complaints)
            for complaint in complaints:
                self.stdout.write(self.style.ERROR(f"✘ {name}: {complaint}"))
            if not complaints:
                self.stdout.write(self.style.SUCCESS(f"✔ {name}"))
        if failed:
            raise CommandError(f"{failed} problem(s)")


def _configuration() -> Iterator[str]:
    for problem in checks.run_checks():
        if problem.is_serious():
            yield f"{problem.msg} ({problem.id})"


def _database() -> Iterator[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SELECT @@character_set_connection, @@sql_mode, @@collation_database")
            charset, sql_mode, collation = cursor.fetchone()
            if charset != "utf8mb4" or not collation.startswith("utf8mb4"):
                yield f"its character set is {charset}, its collation {collation}: create it with utf8mb4"
            if "STRICT_TRANS_TABLES" not in sql_mode:
                yield "strict SQL mode is off: values would be cut silently"
        else:
            cursor.execute("SELECT 1")


def _migrations() -> Iterator[str]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield f"{len(missing)} migrations are missing: run manage.py migrate"


def _replica() -> Iterator[str]:
    if "replica" not in connections:
        return
    with connections["replica"].cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM django_migrations WHERE app = 'api'")
        (copied,) = cursor.fetchone()
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM django_migrations WHERE app = 'api'")
        (written,) = cursor.fetchone()
    if copied != written:
        yield f"DATABASE_REPLICA_URL knows {copied} migrations of {written}: it lags, or copies another database"


def _state() -> Iterator[str]:
    if not state.is_configured():
        return
    with state.guarded() as redis:
        policy = redis.info("memory")["maxmemory_policy"]
        if policy != "noeviction":
            yield f"REDIS_STATE_URL evicts ({policy}): nonces could be forgotten; set maxmemory-policy noeviction"
        kept = redis.info("persistence")
        if not kept["aof_enabled"] and kept["rdb_last_bgsave_time_sec"] >= 0:
            yield "REDIS_STATE_URL keeps snapshots only: limits return to old counts with a restart; set appendonly yes"


def _cache() -> Iterator[str]:
    cache.put(cache.PROBE, "doctor", value="well")
    if cache.get(cache.PROBE, "doctor") != "well":
        yield "does not keep what it is given: look at REDIS_CACHE_URL"
    memory = cache.memory()
    if memory.get("maxmemory") and memory["maxmemory_policy"] == "noeviction":
        yield "REDIS_CACHE_URL evicts nothing (noeviction): once it is full, it keeps nothing new; set allkeys-lru"


def _broker() -> Iterator[str]:
    if broker.is_configured():
        broker.ping(timeout_seconds=2)
    yield from ()


def _files() -> Iterator[str]:
    Path(settings.VAR_DIR).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.VAR_DIR) as probe:
        os.write(probe.fileno(), b"x")
    yield from ()


def _storage() -> Iterator[str]:
    name = f"doctor/{uuid.uuid4()}"
    try:
        storage.save(name, b"well")
        with storage.opened(name) as file:
            if file.read() != b"well":
                yield "does not keep what it is given: look at AWS_STORAGE_BUCKET_NAME or FILES_PATH"
        storage.delete([name])
    except ApiError as refusal:
        yield f"takes nothing ({refusal.__cause__ or refusal}): look at AWS_STORAGE_BUCKET_NAME or FILES_PATH"


def _mail() -> Iterator[str]:
    """A provider's API says nothing without a mail; a mail server says whether it lets us in."""
    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        server = get_connection(timeout=_MAIL_TIMEOUT_SECONDS)
        server.open()
        server.close()
    yield from ()


_EXAMINATIONS: dict[str, Callable[[], Iterator[str]]] = {
    "configuration": _configuration,
    "database": _database,
    "migrations": _migrations,
    "replica": _replica,
    "state store": _state,
    "cache": _cache,
    "broker": _broker,
    "files": _files,
    "storage": _storage,
    "mail": _mail,
}
