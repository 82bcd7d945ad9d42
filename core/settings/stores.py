"""Databases, caches, the state store, the broker and the files, each with its timeouts."""

from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from api.platform import redis_urls
from core.settings import env
from core.settings.base import STORAGES

# A call to a store must be shorter than the probe that watches the process (seconds).
CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 10

_DATABASE_OPTIONS: dict[str, dict[str, Any]] = {
    "django.db.backends.mysql": {
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": READ_TIMEOUT_SECONDS,
        "write_timeout": READ_TIMEOUT_SECONDS,
        "isolation_level": "read committed",
        "init_command": (
            "SET SESSION sql_mode='STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
            "NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout=5, lock_wait_timeout=5, time_zone='+00:00'"
        ),
    },
    "django.db.backends.postgresql": {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        # The client library waits for an answer without end; the kernel notices when nobody is there to give one.
        "tcp_user_timeout": READ_TIMEOUT_SECONDS * 1000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": "-c statement_timeout=10000 -c lock_timeout=5000 -c timezone=UTC",
    },
    "django.db.backends.sqlite3": {
        # IMMEDIATE takes the write lock at BEGIN: a transaction that reads first never fails when it writes later.
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        # FULL: what was answered with success survives a power cut too (0.3 ms a commit against 0.03).
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
    },
}


def _mysql_times() -> dict[str, Any]:
    """How the driver reads rows, with times read by the standard library: its own Python takes ten times as long."""
    backend: Any = import_module("django.db.backends.mysql.base")  # only where the driver is installed
    return {"conv": {**backend.django_conversions, backend.FIELD_TYPE.DATETIME: datetime.fromisoformat}}


def _database(url_variable: str, default: str) -> dict[str, Any]:
    database = env.database(url_variable, default)
    database["OPTIONS"] = _DATABASE_OPTIONS.get(database["ENGINE"], {}) | database.get("OPTIONS", {})
    if database["ENGINE"].endswith("mysql") and find_spec("MySQLdb"):
        database["OPTIONS"] |= _mysql_times()
    database["CONN_MAX_AGE"] = 60
    database["CONN_HEALTH_CHECKS"] = True
    database["ATOMIC_REQUESTS"] = False  # a throttle, audit or replay record must survive the refusal
    return database


DATABASES = {"default": _database("DATABASE_URL", f"sqlite:///{env.VAR_DIR / 'handset.sqlite3'}")}

# A replica of it for long lists and searches, where it is new enough.
if env.text("DATABASE_REPLICA_URL"):
    DATABASES["replica"] = _database("DATABASE_REPLICA_URL", "")
DATABASE_ROUTERS = ["api.platform.replicas.Router"]

# May evict, fails open: what can be computed again.
REDIS_CACHE_URL = env.redis("REDIS_CACHE_URL")
# Must not evict (`noeviction`): replay nonces, limits, revocations. Empty: the database does it.
REDIS_STATE_URL = env.redis("REDIS_STATE_URL")
REDIS_TIMEOUT_SECONDS = 0.5


def _redis_cache(url: str, *, ignore_exceptions: bool) -> dict[str, Any]:
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [url],  # a text would be split at commas
        "OPTIONS": {
            "CONNECTION_POOL_CLASS": "api.platform.redis_urls.Pools",
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "IGNORE_EXCEPTIONS": ignore_exceptions,
        },
    }


_IN_PROCESS = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}

CACHES: dict[str, dict[str, Any]] = {
    # What Django's own code and others find: fails open without a word.
    "default": _redis_cache(REDIS_CACHE_URL, ignore_exceptions=True) if REDIS_CACHE_URL else _IN_PROCESS,
    # The same store, telling api.platform.cache when it fails, which then opens and counts it.
    "telling": _redis_cache(REDIS_CACHE_URL, ignore_exceptions=False) if REDIS_CACHE_URL else _IN_PROCESS,
    # What django-ratelimit counts in; closed when the store is down.
    "counters": _redis_cache(REDIS_STATE_URL, ignore_exceptions=False)
    if REDIS_STATE_URL
    else {"BACKEND": "api.platform.counters.DatabaseCounters"},
}
RATELIMIT_USE_CACHE = "counters"

# Files that people send: in a bucket that speaks S3, or in a folder of this server.
AWS_STORAGE_BUCKET_NAME = env.text("AWS_STORAGE_BUCKET_NAME")
AWS_S3_ENDPOINT_URL = env.text("AWS_S3_ENDPOINT_URL")
AWS_S3_REGION_NAME = env.text("AWS_S3_REGION_NAME")
AWS_ACCESS_KEY_ID = env.text("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = env.text("AWS_SECRET_ACCESS_KEY")
FILES_PATH = env.text("FILES_PATH", str(env.VAR_DIR / "files") if env.EMBEDDED else "")
STORAGES["default"] = (
    {
        "BACKEND": "api.platform.buckets.Bucket",
        "OPTIONS": {
            "bucket_name": AWS_STORAGE_BUCKET_NAME,
            "endpoint_url": AWS_S3_ENDPOINT_URL or None,
            "region_name": AWS_S3_REGION_NAME or None,
            "access_key": AWS_ACCESS_KEY_ID or None,
            "secret_key": AWS_SECRET_ACCESS_KEY or None,
        },
    }
    if AWS_STORAGE_BUCKET_NAME
    else {
        "BACKEND": "api.platform.storage.Folder",
        "OPTIONS": {"location": FILES_PATH, "base_url": "/files/", "allow_overwrite": True},
    }
)

# RabbitMQ or Redis. Empty: `manage.py run_outbox` executes background work itself.
CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL")
CELERY_BROKER_CONNECTION_TIMEOUT = CONNECT_TIMEOUT_SECONDS
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"socket_timeout": 2, "socket_connect_timeout": 2} if CELERY_BROKER_URL.startswith("redis") else {}
)
CELERY_BROKER_USE_SSL: dict[str, Any] = {}
if _watched := redis_urls.sentinels(CELERY_BROKER_URL):
    CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS, CELERY_BROKER_USE_SSL = _watched.for_celery(
        CELERY_BROKER_TRANSPORT_OPTIONS
    )
# Celery looks for CELERY_BROKER_URL in the environment itself, where it may be a URL that it does not know, unless these say it.
CELERY_BROKER_READ_URL = CELERY_BROKER_WRITE_URL = CELERY_BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Within the lease of what is executed (api.platform.outbox): the first interrupts a task, which is then noted as
# failed, the second ends the process.
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 270
# Jobs may take hours, so that they have a queue of their own; a worker that is told of no queue serves both.
CELERY_TASK_QUEUES: dict[str, dict[str, Any]] = {"celery": {}, "jobs": {}}
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {"outbox.run_job": {"queue": "jobs"}}
CELERY_BEAT_SCHEDULE = {
    "outbox": {"task": "outbox.run", "schedule": 2.0, "options": {"expires": 2}},
    "jobs": {"task": "outbox.run_job", "schedule": 2.0, "options": {"expires": 2}},
    "schedule": {"task": "outbox.schedule", "schedule": 60.0, "options": {"expires": 60}},
}

# What runs when: task, and seconds between two runs. Each is safe to run twice at once.
SCHEDULE = {
    "audit.seal": 60,
    "audit.sweep": 3600,
    "auth.sweep": 3600,
    "contacts.sweep": 3600,
    "erasure.sweep": 3600,
    "export.sweep": 3600,
    "images.sweep": 3600,
    "jobs.check_places": 86_400,
    "jobs.sweep": 600,
    "jobs.sweep_media": 86_400,
    "onboarding.sweep": 3600,
    "orgs.sweep": 3600,
    "staff.roll_up": 300,
}
