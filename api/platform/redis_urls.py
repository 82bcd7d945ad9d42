"""Where a Redis is: at one endpoint, or behind Sentinels, which know what server is the primary at the moment.

    redis://user:password@host:6379/0
    redis+sentinel://user:password@host:26379,host:26379/<name>/0?sentinel_password=…

User and password are those of the Redis; `sentinel_username` and `sentinel_password` those of the Sentinels, where they
ask for any. `rediss` and `rediss+sentinel` speak TLS, with the Sentinels too. What else the query says is redis-py's.
"""

import re
from copy import copy
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

_SENTINEL_PORT = 26379
_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[^\[\]@/?#,:\s]+)(?::\d{1,5})?"
_BEHIND_SENTINELS = re.compile(
    rf"(rediss?)\+sentinel://([^@/?#\s]*@)?({_HOST}(?:,{_HOST})*)/([^/?#\s]+)(?:/(\d+))?(\?\S*)?"
)
_FORMS = "write it like redis://host:6379/0 or redis+sentinel://host:26379,host:26379/name/0"


class Sentinels(NamedTuple):
    """A Redis that they watch."""

    addresses: list[tuple[str, int]]
    name: str  # by which they know it
    login: str  # as in the URL: empty, or up to the @
    number: int  # of the database
    options: dict[str, Any]  # of connections to the Redis, as redis-py names them
    their_options: dict[str, Any]  # of connections to the Sentinels

    def for_celery(self, timeouts: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """(URL, transport options, TLS or nothing), as Celery wants them."""
        hosts = [(f"[{host}]" if ":" in host else host, port) for host, port in self.addresses]
        urls = [f"sentinel://{self.login}{host}:{port}/{self.number}" for host, port in hosts]
        tls = {name: value for name, value in self.options.items() if name.startswith("ssl_")}
        transport = {"master_name": self.name, "sentinel_kwargs": self.their_options | timeouts, **timeouts}
        return ";".join(urls), transport, {"ssl_cert_reqs": "required", **tls} if "ssl" in self.options else {}


def sentinels(url: str) -> Sentinels | None:
    """Whom to ask, where a URL names Sentinels. Raises ValueError, which repeats nothing of it."""
    if not url.startswith(("redis+sentinel:", "rediss+sentinel:")):
        return None
    match = _BEHIND_SENTINELS.fullmatch(url)
    if match is None:
        raise ValueError(_FORMS)
    scheme, login, hosts, name, number, query = match.groups("")
    found = [_parsed(f"{scheme}://{login}{host}/{number}{query}") for host in hosts.split(",")]
    addresses = [(one.pop("host"), one.pop("port", _SENTINEL_PORT)) for one in found]
    options = found[0]
    if options.pop("connection_class", None):
        options["ssl"] = True
    their_options: dict[str, Any] = {key: value for key, value in options.items() if key.startswith("ssl")}
    for key in ("username", "password"):
        if f"sentinel_{key}" in options:
            their_options[key] = options.pop(f"sentinel_{key}")
    # The next one is asked instead.
    their_options["retry"] = Retry(NoBackoff(), 0)
    return Sentinels(addresses, name, login, int(number or 0), options, their_options)


def require_usable(url: str) -> str:
    """The URL. Raises ValueError, which repeats nothing of it, when nobody could connect to it."""
    if sentinels(url) is None:
        _parsed(url)
        parts = urlsplit(url)
        if parts.scheme != "unix" and not re.fullmatch(r"(/\d*)?", parts.path):
            raise ValueError("its path is the number of a database, like redis://host:6379/0")
    return url


def _parsed(url: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py types a part of itself
    except ValueError:  # might repeat a part of a password
        raise ValueError(_FORMS) from None
    return found


class Pools:
    """The one door to Redis. A class, since django-redis asks one for its pools."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> ConnectionPool:
        """Connections with redis-py's `options`; behind Sentinels each asks for the primary when it connects."""
        watched = sentinels(url)
        if watched is None:
            return ConnectionPool.from_url(url, **options)
        timeouts = {name: value for name, value in options.items() if name.startswith("socket_")}
        asked = _Sentinels(watched.addresses, sentinel_kwargs=watched.their_options | timeouts)  # type: ignore[no-untyped-call]  # as above
        return SentinelConnectionPool(  # type: ignore[no-untyped-call]  # as above
            watched.name, asked, **options | watched.options
        )


class _Sentinels(Sentinel):
    def discover_master(self, service_name: str) -> tuple[str, int]:
        """redis-py moves whoever answers to the front of its list, and loses one when two threads do that at once: here
        each has a list of its own, and the last one's stays.
        """
        mine = copy(self)
        mine.sentinels = list(self.sentinels)
        found: tuple[str, int] = Sentinel.discover_master(mine, service_name)  # type: ignore[no-untyped-call]  # as above
        self.sentinels = mine.sentinels
        return found
