"""Writes that may be repeated: the key, the change and the answer are one transaction, so a repeat finds all or nothing.

The contract is draft-ietf-httpapi-idempotency-key-header: the same key and request get the first answer again, another
request under the key is refused, and a copy that meets the first waits for it as long as the database waits for a lock.
"""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from api.exceptions import ApiError
from api.models import IdempotencyKey
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


class Answer(NamedTuple):
    """What was answered, whole. Header values without any that change from call to call."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_replayed: bool = False


@transactional
def once(scope: bytes, fingerprint: bytes, perform: Callable[[], Answer]) -> Answer:
    """Performs the call of `scope` (a digest, as is `fingerprint`), or answers as it was answered before.

    What `perform` raises undoes the claim with everything else: a refusal is not kept. Raises IdempotencyInProgress,
    IdempotencyKeyReused.
    """
    if not _claim(scope, fingerprint):
        return _answer_of(scope, fingerprint)
    answer = perform()
    IdempotencyKey.objects.filter(scope=scope).update(status=answer.status, headers=answer.headers, body=answer.body)
    return answer


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


def _answer_of(scope: bytes, fingerprint: bytes) -> Answer:
    row = IdempotencyKey.objects.get(scope=scope)
    if bytes(row.fingerprint) != fingerprint:
        raise IdempotencyKeyReused
    assert row.status is not None
    assert row.headers is not None
    assert row.body is not None
    return Answer(row.status, row.headers, bytes(row.body), is_replayed=True)


def forget_answers(*, most: int = 1000) -> int:
    """Deletes up to `most` keys that were kept long enough; returns how many."""
    before = timezone.now() - timedelta(seconds=settings.IDEMPOTENCY_SECONDS)
    scopes = list(IdempotencyKey.objects.filter(claimed_at__lt=before).values_list("scope", flat=True)[:most])
    return IdempotencyKey.objects.filter(scope__in=scopes).delete()[0]
