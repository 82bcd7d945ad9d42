"""Logs: one JSON object a line for machines, colours for people; the request id on every line; no secrets.

Configured once per process from `CoreConfig.ready`, for structlog and for the standard library's loggers alike.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from django.conf import settings
from structlog.tracebacks import ExceptionDictTransformer

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
    for name in event:
        if name != "event" and any(word in name.lower() for word in _SECRET_NAMES):
            event[name] = _HIDDEN
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    hide_secrets,
]


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def formatter() -> logging.Formatter:
    """How a line looks, whoever writes it: also gunicorn's own, whose master never sets Django up."""
    if settings.LOG_FORMAT == "json":
        # Without the local variables of each frame: they hold tokens, passwords and registration bodies.
        frames = ExceptionDictTransformer(show_locals=False)
        rendering: list[Any] = [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(_json),
        ]
    else:
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        rendering = [console]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )


def configure() -> None:
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
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
