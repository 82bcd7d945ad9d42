"""Every signature counts once: nonces are remembered for as long as a signature could be presented again.

Redis does it in one call; the embedded default by a table with a unique key. What else counts once stands in that table.
"""

import hashlib
import time
from datetime import datetime, timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from api.exceptions import ApiError
from api.models import ReplayNonce
from api.platform import state
from api.platform.signing import Signature, SignatureRefused


class NonceReplayed(SignatureRefused):
    """The same signature arrived before: an HTTP stack sent it twice, or somebody captured it."""

    code = "nonce_replayed"
    title = "This signature has been used"
    detail = "Sign every attempt anew."
    remedy = "Sign anew, once: every attempt has its own nonce."


class ReplayCacheReset(SignatureRefused):
    """The store was lost and cannot tell whether this signature was used; one made from now on is accepted."""

    code = "replay_cache_reset"
    title = "Sign again"
    remedy = "Correct the clock, sign anew: as for `clock_skew`, after a second."


class ReplayStoreUnavailable(ApiError):
    """Without memory nothing signed is accepted; a 503, because a 401 would make apps sign everybody out."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "replay_store_unavailable"
    title = "Temporarily unavailable"
    detail = "Nothing was changed. Try again after the time in Retry-After."


# KEYS: nonce, epoch. ARGV: milliseconds to keep it, when it was signed (seconds).
# -1: signed before the store's memory begins; 0: seen; 1: new.
_REMEMBER = (
    state.EPOCH_LUA
    + """
if tonumber(ARGV[2]) <= epoch_of(KEYS[2]) then return -1 end
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
return 0
"""
)


def remember(signature: Signature) -> None:
    """Takes a signature that was verified, once.

    Raises NonceReplayed, ReplayCacheReset, ReplayStoreUnavailable.
    """
    digest = hashlib.sha256(f"{signature.keyid}|{signature.nonce}".encode()).digest()
    if state.is_configured():
        _remember_in_redis(digest, signature)
    else:
        _remember_in_database(digest, signature)


def _remember_in_redis(digest: bytes, signature: Signature) -> None:
    try:
        with state.guarded():
            outcome = state.script(_REMEMBER)(
                keys=[b"nonce:" + digest, state.EPOCH_KEY],
                args=[settings.NONCE_SECONDS * 1000, signature.created],
            )
    except state.StateUnavailable as error:
        raise ReplayStoreUnavailable(headers={"Retry-After": "2"}) from error
    if outcome == -1:
        raise ReplayCacheReset(signature.tag, server_time=int(time.time()))
    if outcome == 0:
        raise NonceReplayed(signature.tag)


def _remember_in_database(digest: bytes, signature: Signature) -> None:
    expires_at = timezone.now() + timedelta(seconds=settings.NONCE_SECONDS)
    try:
        with transaction.atomic():
            ReplayNonce.objects.create(digest=digest, expires_at=expires_at)
    except IntegrityError as error:
        raise NonceReplayed(signature.tag) from error
    except DatabaseError as error:
        raise ReplayStoreUnavailable(headers={"Retry-After": "2"}) from error


class AlreadyUsed(Exception):
    """What counts once was used before."""


def use(digest: bytes, *, until: datetime) -> None:
    """Takes something else that counts once and is good until a moment, as a part of the transaction of what it brings
    about: if that is not carried out, it was not used. So it stands in the database, whatever else is there.

    Raises AlreadyUsed; of several at once, for all but the first that commits.
    """
    try:
        with transaction.atomic():
            ReplayNonce.objects.create(digest=digest, expires_at=until)
    except IntegrityError as error:
        raise AlreadyUsed from error


def prepare() -> None:
    """Starts the memory of a new store before the first phone calls; harmless at any other time."""
    if state.is_configured():
        state.epoch()


def forget_expired(*, most: int = 1000) -> int:
    """Deletes up to `most` rows that cannot be presented any more; returns how many."""
    expired = list(ReplayNonce.objects.filter(expires_at__lt=timezone.now()).values_list("digest", flat=True)[:most])
    return ReplayNonce.objects.filter(digest__in=expired).delete()[0]
