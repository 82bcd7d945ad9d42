"""Typed readers: the only place where the process environment is read.

Each reader takes a variable's name and its default, converts strictly, and names the variable in the error.
`NAME_FILE` may hold a path instead of `NAME` holding the value (Docker and Kubernetes secrets). `VARIABLES` collects
every name that was read; `tests/house` compares it with `.env.example`.
"""

import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

from api.platform import redis_urls

T = TypeVar("T")

VARIABLES: list[str] = []

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class Rate(NamedTuple):
    """At most `limit` calls in any `period_seconds`, all of which may come at once."""

    limit: int
    period_seconds: int


def _raw(name: str) -> str | None:
    """The variable's text, from the environment or from the file that NAME_FILE names; None when unset or empty."""
    if name not in VARIABLES:
        VARIABLES.append(name)
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error}") from error
    return os.environ.get(name, "").strip() or None


def _read(name: str, default: T, convert: Callable[[str], T]) -> T:
    raw = _raw(name)
    if raw is None:
        return default
    try:
        return convert(raw)
    except (ValueError, KeyError) as error:
        raise ImproperlyConfigured(f"{name} is not valid: {error}") from error


def text(name: str, default: str = "") -> str:
    return _read(name, default, str)


def choice(name: str, default: str, allowed: set[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(allowed))}")
    return value


def flag(name: str, *, default: bool) -> bool:
    """A boolean; anything but the usual spellings is refused, so that a typing mistake never means "off"."""
    spellings = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    return _read(name, default, lambda raw: spellings[raw.lower()])


def integer(name: str, default: int, *, minimum: int = 0) -> int:
    value = _read(name, default, int)
    if value < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}")
    return value


def ratio(name: str, default: float) -> float:
    """A number from 0 to 1."""
    value = _read(name, default, float)
    if not 0 <= value <= 1:
        raise ImproperlyConfigured(f"{name} must be from 0 to 1")
    return value


def words(name: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list."""
    return _read(name, default or [], lambda raw: [word.strip() for word in raw.split(",") if word.strip()])


def json_object(name: str) -> dict[str, Any]:
    """A JSON object; an empty one by default."""
    return _read(name, {}, _parse_json_object)


def _parse_json_object(value: str) -> dict[str, Any]:
    found = json.loads(value)
    if not isinstance(found, dict):
        raise ValueError("write it as a JSON object")
    return found


def rate(name: str, default: str) -> Rate:
    """A rate such as `60/min`: a count and one of sec, min, hour, day."""
    return _read(name, _parse_rate(default), _parse_rate)


def _parse_rate(value: str) -> Rate:
    match = re.fullmatch(r"([1-9][0-9]{0,6})/(sec|min|hour|day)", value)
    if match is None:
        raise ValueError("write it like 60/min (sec, min, hour or day)")
    return Rate(int(match[1]), {"sec": 1, "min": 60, "hour": 3600, "day": 86400}[match[2]])


def path_prefix(name: str, default: str) -> str:
    """A URL prefix, relative to the root: no slash in front, one at the end."""
    return text(name, default).strip("/") + "/"


def database(name: str, default: str) -> dict[str, Any]:
    """A database URL (`mysql://`, `postgres://`, `sqlite:///`) as Django's DATABASES entry."""
    return _read(name, environ.Env.db_url_config(default), environ.Env.db_url_config)


def redis(name: str) -> str:
    """The URL of a Redis at one endpoint or behind Sentinels (`api.platform.redis_urls`); empty: none."""
    return _read(name, "", redis_urls.require_usable)


def broker(name: str) -> str:
    """The URL of Celery's broker: of a Redis, as above, or what else Celery knows; empty: none."""
    return _read(
        name, "", lambda raw: redis_urls.require_usable(raw) if raw.startswith(("redis", "sentinel:")) else raw
    )


ENVIRONMENT = choice("DJANGO_ENV", "embedded", {"embedded", "staging", "production"})

# The embedded default: one machine, no configuration. Everything else is hardened and refuses to start half-configured.
EMBEDDED = ENVIRONMENT == "embedded"

VAR_DIR = Path(text("VAR_DIR", str(BASE_DIR / "var")))


def secret(name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
    """A secret. The embedded default makes its own once and keeps it under `var/secrets/`; nothing else starts without.

    Raises ImproperlyConfigured.
    """
    value = text(name)
    if not value and not EMBEDDED:
        raise ImproperlyConfigured(f"{name} is missing: {ENVIRONMENT} starts with secrets of its own only")
    return value or kept(name.lower(), make)


def kept(name: str, make: Callable[[], str]) -> str:
    """The content of `var/secrets/<name>`, written with `make()` first if there is no such file.

    Two processes that start at once agree: the file appears whole, by a hard link that only one can create.
    """
    path = VAR_DIR / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8") as draft:
            draft.write(make())
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text(encoding="utf-8").strip()
