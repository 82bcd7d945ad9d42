"""Writes that may be repeated: the key, the change and the answer are one transaction, so a repeat finds all or nothing.

The contract is draft-ietf-httpapi-idempotency-key-header: the same key and request get the first answer again, another
request under the key is refused, and a copy that meets the first waits for it as long as the database waits for a lock.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone

from api.exceptions import ApiError, Forbidden, NotThere
from api.models import IdempotencyKey, Role
from api.platform import memberships
from api.platform.callers import Caller
from api.platform.transactions import is_lock_timeout, transactional


class IdempotencyInProgress(ApiError):
    """The first call under this key has not ended yet."""

    status = HTTPStatus.CONFLICT
    code = "idempotency_in_progress"
    title = "The same call is still being carried out"
    detail = "Repeat it after the time in Retry-After."
    remedy = "Retry later, with the same key: the first answer will be there."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class IdempotencyKeyReused(ApiError):
    """The key was used for another request; a new request needs a new key."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"
    title = "The Idempotency-Key belongs to another request"
    remedy = "Give up: two requests were given one key. A repeat is the same to the byte."


_HANDED_OVER_MOST = 1000


class Answer(NamedTuple):
    """What was answered, whole. Header values without any that change from call to call."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_replayed: bool = False


def scope_of(principal: str, call: bytes) -> bytes:
    """The scope of a call, which `call` tells apart from all others of its principal."""
    return _half(principal.encode()) + _half(call)


def _half(facts: bytes) -> bytes:
    return hashlib.sha256(facts).digest()[:16]


@transactional
def once(caller: Caller, scope: bytes, fingerprint: bytes, perform: Callable[[], Answer]) -> Answer:
    """Performs the call of `scope` (as of `scope_of`), or answers as it was answered before. `fingerprint` is a digest of
    what was sent.

    What `perform` raises undoes the claim with everything else: a refusal is not kept. Raises IdempotencyInProgress,
    IdempotencyKeyReused; for the repeat of somebody who may not do it any more NotThere, Forbidden.
    """
    if not _claim(scope, fingerprint):
        return _answer_of(caller, scope, fingerprint)
    with memberships.noting() as noted:
        answer = perform()
    needed = _needed_by(caller, noted)
    IdempotencyKey.objects.filter(scope=scope).update(
        status=answer.status, headers=answer.headers, body=answer.body, permissions=needed
    )
    return answer


def _needed_by(caller: Caller, noted: memberships.Noted) -> list[list[Any]]:
    """In which organizations a repeat needs which roles. Who has left, or handed something over, may not do it twice, but
    hear once more that it is done; who has come to belong hears it for as long as they do.
    """
    if caller.user_id not in noted.people:
        return [[key.hex, roles] for key, roles in caller.permissions]
    return [[joined.hex, sorted(Role)] for user_id, joined in noted.joined if user_id == caller.user_id]


_CLAIM = "INSERT INTO idempotency_key (scope, fingerprint, repeats, claimed_at) VALUES (%s, %s, 0, %s) ON CONFLICT DO NOTHING"
_CLAIM_MYSQL = (
    "INSERT INTO idempotency_key (scope, fingerprint, repeats, claimed_at) VALUES (%s, %s, 0, %s) "
    "ON DUPLICATE KEY UPDATE repeats = repeats + 1"
)


def _claim(scope: bytes, fingerprint: bytes) -> bool:
    """Whether the key is ours now; waits while another transaction holds it, whose answer is then there to be read.

    Not through the ORM: it does not tell whether the row was there, and on MySQL a plain INSERT takes a shared lock on
    the row of another, with which copies of a refused call would deadlock.
    """
    claim = _CLAIM_MYSQL if connection.vendor == "mysql" else _CLAIM
    claimed_at = connection.ops.adapt_datetimefield_value(timezone.now())
    try:
        with connection.cursor() as cursor:
            cursor.execute(claim, [scope, fingerprint, claimed_at])
            return bool(cursor.rowcount == 1)  # of a row that was there, MySQL says 2, the others 0
    except OperationalError as error:
        if is_lock_timeout(error):
            raise IdempotencyInProgress from error
        raise


def _answer_of(caller: Caller, scope: bytes, fingerprint: bytes) -> Answer:
    row = IdempotencyKey.objects.get(scope=scope)
    if bytes(row.fingerprint) != fingerprint:
        raise IdempotencyKeyReused
    for organization, roles in row.permissions or ():
        member = caller.memberships.get(uuid.UUID(organization))
        if member is None:
            raise NotThere
        if member.role not in roles:
            raise Forbidden
    assert row.status is not None
    assert row.headers is not None
    assert row.body is not None
    return Answer(row.status, row.headers, bytes(row.body), is_replayed=True)


def hand_over(principal: str, *, to: str, organizations: tuple[uuid.UUID, uuid.UUID]) -> None:
    """Makes the answers of a principal, the newest thousand, those of another: what one has not heard of, the other is
    told. What needed a place in the first of `organizations` needs it in the second from now on.
    """
    kept = _answers_to(principal).order_by("-claimed_at")
    renamed = {before.hex: after.hex for before, after in [organizations]}
    for scope, permissions in list(kept.values_list("scope", "permissions")[:_HANDED_OVER_MOST]):
        needed = [[renamed.get(organization, organization), roles] for organization, roles in permissions or ()]
        IdempotencyKey.objects.filter(scope=scope).update(
            scope=_half(to.encode()) + bytes(scope)[16:], permissions=needed
        )


def _answers_to(principal: str) -> "QuerySet[IdempotencyKey]":
    first, last = (_half(principal.encode()) + end * 16 for end in (b"\0", b"\xff"))
    return IdempotencyKey.objects.filter(scope__gte=first, scope__lte=last)


def forget_answers_to(principal: str, *, most: int) -> int:
    """Deletes up to `most` answers to a principal who is gone; returns how many."""
    scopes = list(_answers_to(principal).values_list("scope", flat=True)[:most])
    return IdempotencyKey.objects.filter(scope__in=scopes).delete()[0]


def forget_answers(*, most: int = 1000) -> int:
    """Deletes up to `most` keys that were kept long enough; returns how many."""
    before = timezone.now() - timedelta(seconds=settings.IDEMPOTENCY_SECONDS)
    scopes = list(IdempotencyKey.objects.filter(claimed_at__lt=before).values_list("scope", flat=True)[:most])
    return IdempotencyKey.objects.filter(scope__in=scopes).delete()[0]
