"""The one door to geography: where an address is, by a database in MaxMind's format that the operator supplies."""

import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from maxminddb import Reader


def place_of(address: str | None) -> str | None:
    """The town and country of an address, in English; None where neither is known, and without GEOIP_PATH."""
    if not settings.GEOIP_PATH or not address:
        return None
    try:
        found = _database(settings.GEOIP_PATH).get(address)
    except ValueError:  # an address of IPv6, and a database that knows IPv4 alone
        return None
    if not isinstance(found, dict):
        return None
    names = [_name_of(found.get("city")), _name_of(found.get("country") or found.get("registered_country"))]
    return ", ".join(name for name in names if name) or None


def require_readable() -> None:
    """Raises OSError or ValueError when GEOIP_PATH names something else than a database."""
    if settings.GEOIP_PATH:
        _database(settings.GEOIP_PATH)


def age_days() -> int | None:
    """How old the database is, by what it says itself; None without GEOIP_PATH. Raises as `require_readable` does."""
    if not settings.GEOIP_PATH:
        return None
    return int(time.time() - _database(settings.GEOIP_PATH).metadata().build_epoch) // 86_400


@functools.cache
def _database(path: str) -> "Reader":
    """Mapped into memory once a process: a new edition of the file is read after a restart."""
    import maxminddb  # noqa: PLC0415 -- loaded only where there is a database to read

    try:
        return maxminddb.open_database(path)
    except maxminddb.InvalidDatabaseError as error:
        raise ValueError(str(error)) from error


def _name_of(part: Any) -> str:
    names = part.get("names") if isinstance(part, Mapping) else None
    name = names.get("en") if isinstance(names, Mapping) else None
    return name if isinstance(name, str) else ""
