"""The floor: what the list needs, as one WSGI function without a framework.

It verifies a token, asks the gate's own Lua script, runs two statements over a raw cursor and writes the same bytes as the
product does. Nobody would maintain an API in this style; it says what everything else costs.
"""

import os
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import django
import jwt
import MySQLdb
import MySQLdb.cursors
import orjson
import redis

django.setup()  # the gate's script and its keys stand in a module that loads the models

from api.platform import gate, memberships, revocation, state  # noqa: E402 -- after the set-up

_KEY = os.environ["BENCH_TOKEN_KEY"]
_DATABASE = urlsplit(os.environ["DATABASE_URL"])
_redis = redis.Redis.from_url(os.environ["REDIS_STATE_URL"])
_admit = _redis.register_script(gate._ADMIT)
_local = threading.local()

# As many as the product counts a list against, with its own arguments: microseconds of a call, and of the whole limit.
_SCOPES = ("burst", "sustained", "content_listing")
_LIMIT = (60, 60_000_000)

_COLUMNS = (
    "c.id, c.organization_id, c.slug, c.display_name, c.first_name, c.last_name, c.company, c.title, c.emails, "
    "c.phone_numbers, c.addresses, c.birth_date, c.location, c.website, c.notes, c.custom_fields, c.avatar, u.username, "
    "c.version, c.created_at, c.updated_at, c.deleted_at"
)
_LIST = (
    f"SELECT {_COLUMNS} FROM contact c LEFT JOIN user u ON u.id = c.creator_id "
    "WHERE c.organization_id = %s AND c.deleted_at IS NULL ORDER BY c.display_name_key, c.id LIMIT 26"
)
_TAGS = (
    "SELECT l.object_id, t.id, t.slug, t.name, t.color FROM tag_link l JOIN tag t ON t.id = l.tag_id "
    "WHERE l.kind = 'contacts/contact' AND l.object_id IN %s ORDER BY t.name_identity"
)


def _connection() -> Any:
    found = getattr(_local, "connection", None)
    if found is None:
        found = _local.connection = MySQLdb.connect(
            host=_DATABASE.hostname or "",
            port=_DATABASE.port or 3306,
            user=unquote(_DATABASE.username or ""),
            password=unquote(_DATABASE.password or ""),
            database=_DATABASE.path.strip("/"),
            charset="utf8mb4",
            autocommit=True,
        )
    return found


def _admitted(environ: dict[str, Any]) -> tuple[list[Any], list[int]]:
    """The caller's memberships and what is left of each limit."""
    token = environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    claims = jwt.decode(token, _KEY, algorithms=["HS256"])
    user_id, session_id = uuid.UUID(claims["sub"]), uuid.UUID(claims["sid"])
    keys = [
        state.EPOCH_KEY,
        revocation.mark_key(session_id),
        memberships.entry_key(user_id),
        memberships.version_key(user_id),
        *(f"limit:{scope}:plain:{user_id}" for scope in _SCOPES),
    ]
    _, mark, entry, _, spent = _admit(keys=keys, args=[1, *_LIMIT * len(_SCOPES)])
    if mark is not None or spent[0]:
        raise PermissionError
    return orjson.loads(entry), spent[2::2]


def _primary(entries: list[dict[str, Any]]) -> str | None:
    return next((entry["value"] for entry in entries if entry["is_primary"]), None)


def _time(value: Any) -> str | None:
    return None if value is None else f"{value.isoformat(timespec='microseconds')}Z"


def _contacts(environ: dict[str, Any], members: list[Any]) -> bytes:
    wanted = parse_qs(environ["QUERY_STRING"])["filter[org]"][0]
    organization_id = next(key for key, slug, *_ in members if slug == wanted)
    with _connection().cursor() as cursor:
        cursor.execute(_LIST, [str(uuid.UUID(organization_id))])
        rows = cursor.fetchall()
        cursor.execute(_TAGS, [[row[0] for row in rows[:25]]])
        tags: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for object_id, tag_id, slug, name, color in cursor.fetchall():
            tags[object_id].append({"id": tag_id, "slug": slug.decode(), "name": name, "color": color or None})
    data = []
    for row in rows[:25]:
        emails, phone_numbers = orjson.loads(row[8]), orjson.loads(row[9])
        data.append(
            {
                "id": row[0],
                "slug": row[2].decode(),
                "organization": wanted,
                "display_name": row[3],
                "first_name": row[4],
                "last_name": row[5],
                "company": row[6],
                "title": row[7],
                "email": _primary(emails),
                "emails": emails,
                "phone": _primary(phone_numbers),
                "phone_numbers": phone_numbers,
                "addresses": orjson.Fragment(row[10]),
                "birth_date": row[11],
                "location": row[12],
                "website": row[13],
                "notes": row[14],
                "custom_fields": orjson.Fragment(row[15]),
                "avatar": row[16] or None,
                "tags": tags.get(row[0], []),
                "creator": row[17],
                "version": row[18],
                "created_at": _time(row[19]),
                "updated_at": _time(row[20]),
                "deleted_at": _time(row[21]),
            }
        )
    cursor_of_next = f"{data[-1]['display_name']}:{data[-1]['id']}" if len(rows) > 25 else None
    return orjson.dumps({"data": data, "meta": {"next": cursor_of_next, "prev": None}})


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "application/json")]
    if path == "/health/live/":
        body = b'{"status":"ok"}'
    else:
        members, left = _admitted(environ)
        headers += [("X-RateLimit-Remaining", str(min(left))), ("X-Request-ID", f"{time.time_ns():x}")]
        body = _contacts(environ, members) if path == "/contacts/" else b'{"status":"ok"}'
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [body]
