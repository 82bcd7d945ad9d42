"""The gate: what every request asks the state store, in one call — may it pass its limits, does its session still
live, where is its person a member.

Without Redis the same questions go to the database. When Redis is configured but does not answer, limits on content
open (and say so), limits on proofs close, and sessions and memberships are read from their rows.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings

from api.exceptions import TemporarilyUnavailable
from api.platform import limits, memberships, revocation, state
from api.platform.limits import GCRA_LUA, NOTHING_COUNTED, Decision, Limit
from api.platform.memberships import Memberships
from api.platform.revocation import SessionState
from api.platform.tokens import Claims

log = structlog.get_logger(__name__)

# Limits that guard secrets: without a count nobody may guess.
CLOSED_SCOPES = frozenset({"auth_token", "auth_account", "auth_address", "magic", "refresh"})


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate's answer. `session` is LIVE for callers without one."""

    decision: Decision
    session: SessionState
    memberships: Memberships


# KEYS: epoch, session mark, membership entry, membership version, then one key a limit.
# ARGV: 1 if there is a session or a holder of an API key, then emission and burst of each limit.
_ADMIT = (
    state.EPOCH_LUA
    + GCRA_LUA
    + """
local epoch = epoch_of(KEYS[1])
local mark, entry, version = false, false, false
if ARGV[1] == '1' then
  mark = redis.call('GET', KEYS[2])
  entry = redis.call('GET', KEYS[3])
  version = redis.call('GET', KEYS[4])
end
local keys = {}
for i = 5, #KEYS do keys[#keys + 1] = KEYS[i] end
return {epoch, mark, entry, version, spend(keys, 2)}
"""
)


def admit(
    counted: Sequence[Limit], claims: Claims | None = None, *, key_holder_id: uuid.UUID | None = None
) -> Admission:
    """Spends the limits of a request and reads what its token needs to be believed; or, for an API key, the memberships
    of its holder.

    The caller looks at `decision.denied` and `session`. Raises TemporarilyUnavailable (closed limits, no store).
    """
    user_id = claims.user_id if claims is not None else key_holder_id
    if not counted and claims is None and user_id is None:
        return Admission(NOTHING_COUNTED, SessionState.LIVE, {})
    if not state.is_configured():
        return _from_rows(limits.spend_in_database(counted), claims, user_id)
    try:
        return _from_redis(counted, claims, user_id)
    except state.StateUnavailable as error:
        if any(limit.scope in CLOSED_SCOPES for limit in counted):
            raise TemporarilyUnavailable from error
        log.warning("limits.open", reason="the state store does not answer")
        return _from_rows(NOTHING_COUNTED, claims, user_id)


def _from_rows(decision: Decision, claims: Claims | None, user_id: uuid.UUID | None) -> Admission:
    members = memberships.of_person(user_id) if user_id else {}
    session = revocation.state_of(claims.session_id) if claims is not None else SessionState.LIVE
    return Admission(decision, session, members)


def _from_redis(counted: Sequence[Limit], claims: Claims | None, user_id: uuid.UUID | None) -> Admission:
    session_id = claims.session_id if claims else uuid.UUID(int=0)
    keys = [
        state.EPOCH_KEY,
        revocation.mark_key(session_id),
        memberships.entry_key(user_id or uuid.UUID(int=0)),
        memberships.version_key(user_id or uuid.UUID(int=0)),
        *(limit.key for limit in counted),
    ]
    is_proven = claims is not None or user_id is not None
    arguments: list[int] = [int(is_proven)]
    for limit in counted:
        arguments += (limit.emission_us, limit.burst_us)
    with state.guarded():
        epoch, mark, entry, version, spent = state.call(_ADMIT, keys, arguments)
    decision = limits.decision_of(counted, spent)
    if not is_proven:
        return Admission(decision, SessionState.LIVE, {})
    # A young store may have lost marks, or come back with memberships of the past: for as long as either lives.
    if time.time() - int(epoch) < max(settings.ACCESS_TOKEN_SECONDS, memberships.CACHE_SECONDS):
        return _from_rows(decision, claims, user_id)
    session = revocation.state_of(claims.session_id) if mark and claims is not None else SessionState.LIVE
    members = memberships.from_cache(user_id, entry, version) if user_id else {}
    return Admission(decision, session, members)
