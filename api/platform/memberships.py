"""The cached memberships of a person: one key in Redis, read by the gate together with everything else.

A change announces itself before it commits and clears up after: from the announcement on nobody fills the cache, and
a reader that started earlier is refused by the version that the announcement moved. The mark counts the changes that
are under way: the first of two that clears up does not let the cache be filled before the second. So a stale answer is
never kept, and a process that dies between commit and clearing up leaves a mark that runs out by itself.
"""

import functools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from django.db import transaction

from api.exceptions import TemporarilyUnavailable
from api.models import Membership
from api.platform import state
from api.platform.callers import Member
from api.platform.ids import spelled
from api.platform.statements import Rows, statement

CACHE_SECONDS = 900
_ANNOUNCEMENT_SECONDS = 60  # longer than any transaction may take
_VERSION_SECONDS = 86_400
_MARK = b"!"  # begins an entry that says how many changes are under way

Memberships = Mapping[uuid.UUID, Member]

# KEYS: entry, version. ARGV: the version that was read before the rows were, the entry, seconds.
_FILL = """
if (redis.call('GET', KEYS[2]) or '') == ARGV[1] and not redis.call('GET', KEYS[1]) then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
"""

# KEYS: entry, version. ARGV: seconds of the mark, seconds of the version.
_ANNOUNCE = """
redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
local under_way = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^!(%d+)$') or 0)
redis.call('SET', KEYS[1], '!' .. string.format('%d', under_way + 1), 'EX', ARGV[1])
"""

# KEYS: entry, version. ARGV: seconds of the version. It moves once more, lest a mark that ran out has let a reader in.
_CLEAR = """
redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[1])
local under_way = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^!(%d+)$') or 0)
if under_way > 1 then
  redis.call('SET', KEYS[1], '!' .. string.format('%d', under_way - 1), 'KEEPTTL')
else
  redis.call('DEL', KEYS[1])
end
"""


def entry_key(user_id: uuid.UUID) -> str:
    return f"members:{spelled(user_id)}"


def version_key(user_id: uuid.UUID) -> str:
    return f"members:{spelled(user_id)}:version"


def of_person(user_id: uuid.UUID) -> Memberships:
    """What the rows say."""
    return {
        row["organization_id"]: Member(
            row["organization__slug"], row["role"], row["organization__personal_of_id"] == user_id
        )
        for row in _of_person(user_id).rows()
    }


@statement
def _of_person(user_id: Any) -> Rows:
    columns = ("organization_id", "organization__slug", "organization__personal_of_id", "role")
    return Membership.objects.filter(user_id=user_id).values(*columns)


def from_cache(user_id: uuid.UUID, entry: bytes | None, version: bytes | None) -> Memberships:
    """The memberships that a cache entry holds; read from the rows, and kept if still allowed, when it holds none."""
    if entry is not None and not entry.startswith(_MARK):
        return _unpacked(entry)
    found = of_person(user_id)
    if entry is None:
        packed = orjson.dumps([[key.hex, *member] for key, member in found.items()])
        try:
            with state.guarded():
                state.script(_FILL)(
                    keys=[entry_key(user_id), version_key(user_id)], args=[version or b"", packed, CACHE_SECONDS]
                )
        except state.StateUnavailable:
            pass  # the next request reads the rows again
    return found


class Noted(NamedTuple):
    """Whose memberships were changed, and who has come to belong where."""

    people: set[uuid.UUID]
    joined: set[tuple[uuid.UUID, uuid.UUID]]


_noted: ContextVar[Noted | None] = ContextVar("memberships_noted", default=None)


@contextmanager
def noting() -> Iterator[Noted]:
    """What the block does to memberships."""
    noted = Noted(set(), set())
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


@functools.lru_cache(1024)
def _unpacked(entry: bytes) -> Memberships:
    return MappingProxyType({uuid.UUID(hex=key): Member(*place) for key, *place in orjson.loads(entry)})


def changing(user_ids: Iterable[uuid.UUID], *, joining: uuid.UUID | None = None) -> None:
    """To be called inside the transaction that changes memberships, before it writes them; `joining` is the organization
    to which the people come to belong.

    Raises TemporarilyUnavailable when the cache cannot be told: a change that it misses would not take effect.
    """
    ids = list(user_ids)
    if (noted := _noted.get()) is not None:
        noted.people.update(ids)
        if joining is not None:
            noted.joined.update((user_id, joining) for user_id in ids)
    if not ids or not state.is_configured():
        return
    try:
        _for_each(ids, _ANNOUNCE, _ANNOUNCEMENT_SECONDS, _VERSION_SECONDS)
    except state.StateUnavailable as error:
        raise TemporarilyUnavailable from error
    transaction.on_commit(lambda: _for_each(ids, _CLEAR, _VERSION_SECONDS), robust=True)


def _for_each(user_ids: Sequence[uuid.UUID], source: str, *seconds: int) -> None:
    """Runs a script for each person, in one round trip."""
    with state.guarded() as redis:
        pipeline = redis.pipeline(transaction=False)
        for user_id in user_ids:
            state.script(source)(keys=[entry_key(user_id), version_key(user_id)], args=list(seconds), client=pipeline)
        pipeline.execute()
