"""gunicorn's configuration: threads, bounded requests, recycling with jitter. Values come from the settings."""

import os
from pathlib import Path
from typing import Any

from api.platform import metric_files
from core import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")  # core.logs asks it, in the master too

bind = f"{settings.BIND_ADDRESS}:{settings.PORT}"
worker_class = "core.server.Worker"
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
timeout = 30  # of a worker's heartbeat; a request is bounded by its stores' timeouts
graceful_timeout = settings.DRAIN_SECONDS + 30  # what is in flight at the end of the draining has the 30
keepalive = 75  # longer than a load balancer keeps its idle connections
if not settings.EMBEDDED:
    max_requests = 5000
    max_requests_jitter = 1000
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 -- heartbeats in memory
control_socket_disable = True
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
forwarder_headers = ""  # no header moves an address
header_map = "drop"  # Signature_Input is no spelling of Signature-Input
accesslog = None  # core.middleware.RequestLogMiddleware writes the line
errorlog = "-"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "core.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "gunicorn.error": {
            "level": "WARNING" if settings.EMBEDDED else "INFO",
            "handlers": ["stderr"],
            "propagate": False,
        }
    },
    "root": {"handlers": []},
}
preload_app = False

_makes_folder = not metric_files.is_shared()  # `manage.py embedded` has made one for its background process as well


def on_starting(server: Any) -> None:
    if _makes_folder:
        metric_files.share()


def pre_fork(server: Any, worker: Any) -> None:
    worker.place = metric_files.free("web", (other.place for other in server.WORKERS.values()))


def post_fork(server: Any, worker: Any) -> None:
    metric_files.take(worker.place)


def child_exit(server: Any, worker: Any) -> None:
    metric_files.leave(worker.place)


def on_exit(server: Any) -> None:
    if _makes_folder:
        metric_files.forget()
