"""Logs: one JSON object a line for machines, colours for people; the request id on every line; no secrets.

Configured once per process from `CoreConfig.ready`. Our own lines go straight from structlog to the stream: through the
standard library's loggers each costs five times as much, and every request has one. Those of others look the same.
"""

import functools
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from django.conf import settings
from structlog.tracebacks import ExceptionDictTransformer

from api.platform import log_context

# Members whose values never reach a log, whatever a careless line holds.
_SECRET_NAMES = (
    "password",
    "secret",
    "token",
    "authorization",
    "cookie",
    "signature",
    "enrol_key",
    "refresh",
    "access",
)
_HIDDEN = "[hidden]"


def hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces the values of members that are named like secrets."""
    for name in _secrets_among(tuple(event)):
        event[name] = _HIDDEN
    return event


@functools.lru_cache(1024)  # names stand in the code
def _secrets_among(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name != "event" and any(word in name.lower() for word in _SECRET_NAMES)]


class Line(structlog.WriteLogger):
    """Writes one line at once; `name` is whose."""

    def __init__(self, file: TextIO, name: str) -> None:
        super().__init__(file)
        self.name = name


# What every line passes before it is written.
SHARED: list[Any] = [
    log_context.add_members,
    structlog.processors.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    hide_secrets,
]


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _rendering() -> list[Any]:
    if settings.LOG_FORMAT == "json":
        # Without the local variables of each frame: they hold tokens, passwords and registration bodies.
        frames = ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer(_json)]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def formatter() -> logging.Formatter:
    """How a line of the standard library's loggers looks: also gunicorn's own, whose master never sets Django up."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering()],
    )


# One list for good: loggers that were used already keep it.
_processors: list[Any] = []


def configure() -> None:
    stream = sys.stderr
    _processors[:] = [*SHARED, *_rendering()]
    structlog.configure(
        processors=_processors,
        logger_factory=lambda name="": Line(stream, name),
        wrapper_class=structlog.make_filtering_bound_logger(settings.LOG_LEVEL),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter())
    root = logging.getLogger()
    for previous in [handler for handler in root.handlers if getattr(handler, "is_handset", False)]:
        root.removeHandler(previous)
    handler.is_handset = True  # type: ignore[attr-defined]  # so that a second call replaces it
    root.addHandler(handler)
    root.setLevel(settings.LOG_LEVEL)
    # Refusals are on the request's own line; a second one for each 4xx tells nothing more.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)
