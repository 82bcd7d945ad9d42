"""Rate limits by GCRA: one number a key (the theoretical arrival time), exact under concurrency, no burst at the edge
of a window. All limits of a request are decided together: either each of them is spent, or none.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import transaction

from api.exceptions import TemporarilyUnavailable
from api.models import RateLimit

# How often the rows of new limits are looked for again: a sweep may take them away as soon as they are made.
_TRIES = 5


class Limit(NamedTuple):
    """At most `limit` in `period_seconds` for whatever `key` names."""

    scope: str
    key: str
    limit: int
    period_seconds: int

    @property
    def emission_us(self) -> int:
        """Microseconds that one call uses up."""
        return self.period_seconds * 1_000_000 // self.limit

    @property
    def burst_us(self) -> int:
        """Microseconds that may be used up ahead of time: the whole limit."""
        return self.emission_us * self.limit


class LimitState(NamedTuple):
    """A limit after the decision. `reset_seconds` from now until all of it is there again."""

    limit: Limit
    remaining: int
    reset_seconds: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the request passes. `retry_after_seconds` is 0 when it does."""

    states: tuple[LimitState, ...]
    denied: Limit | None
    retry_after_seconds: int


NOTHING_COUNTED = Decision((), None, 0)

# The part of a Lua script that decides limits; expects `keys` (list), `first` (index into ARGV of the first emission).
GCRA_LUA = """
local function spend(keys, first)
  local t = redis.call('TIME')
  local now = t[1] * 1000000 + t[2]
  local arrivals, denied, wait, out = {}, 0, 0, {}
  for i, key in ipairs(keys) do
    local emission, burst = tonumber(ARGV[first + 2 * i - 2]), tonumber(ARGV[first + 2 * i - 1])
    local arrival = tonumber(redis.call('GET', key) or now)
    -- Further ahead than calls can bring it: the clock was set back, and the count begins anew.
    if arrival < now or arrival > now + burst then arrival = now end
    local after = arrival + emission
    if after - burst > now then
      if denied == 0 or after - burst - now > wait then denied, wait = i, after - burst - now end
    end
    arrivals[i] = {arrival, after, emission, burst}
  end
  out[1], out[2] = denied, math.ceil(wait / 1000000)
  for i, key in ipairs(keys) do
    local a = arrivals[i]
    local arrival = denied > 0 and a[1] or a[2]
    if denied == 0 then
      redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1)
    end
    out[#out + 1] = math.max(0, math.floor((a[4] - (arrival - now)) / a[3]))
    out[#out + 1] = math.ceil((arrival - now) / 1000000)
  end
  return out
end
"""


def decision_of(limits: Sequence[Limit], reply: Sequence[int]) -> Decision:
    """What the Lua function `spend` answered for `limits`."""
    states = tuple(LimitState(limit, reply[2 + 2 * index], reply[3 + 2 * index]) for index, limit in enumerate(limits))
    return Decision(states, limits[reply[0] - 1] if reply[0] else None, reply[1])


def spend_in_database(limits: Sequence[Limit]) -> Decision:
    """The same decision from a table, for a server without Redis. Raises TemporarilyUnavailable."""
    if not limits:
        return NOTHING_COUNTED
    keys = sorted({limit.key for limit in limits})
    for _ in range(_TRIES):
        with transaction.atomic():
            rows = RateLimit.objects.select_for_update().filter(key__in=keys).order_by("key")
            arrivals = dict(rows.values_list("key", "arrival_us"))
            if len(arrivals) == len(keys):
                return _spent(limits, arrivals)
        # Not in that transaction: several that meet at the same new row, and then lock it, wait for one another.
        now = time.time_ns() // 1000
        missing = [RateLimit(key=key, arrival_us=now) for key in keys if key not in arrivals]
        RateLimit.objects.bulk_create(missing, ignore_conflicts=True)
    raise TemporarilyUnavailable


def _spent(limits: Sequence[Limit], arrivals: Mapping[str, int]) -> Decision:
    """Decides from the rows of the limits, which are locked, and moves them if none denies."""
    now = time.time_ns() // 1000
    arrivals = {limit.key: _believed(arrivals[limit.key], now, limit.burst_us) for limit in limits}
    spent = {limit.key: arrivals[limit.key] + limit.emission_us for limit in limits}
    waits = {limit: spent[limit.key] - limit.burst_us - now for limit in limits}
    denied = max((limit for limit in limits if waits[limit] > 0), key=waits.__getitem__, default=None)
    if denied is None:
        rows = [RateLimit(key=key, arrival_us=arrival) for key, arrival in spent.items()]
        RateLimit.objects.bulk_update(rows, ["arrival_us"])
    states = tuple(
        _state_of(limit, (spent[limit.key] if denied is None else arrivals[limit.key]) - now) for limit in limits
    )
    return Decision(states, denied, -(-waits[denied] // 1_000_000) if denied else 0)


def _believed(arrival_us: int, now_us: int, burst_us: int) -> int:
    """The arrival to count from. Further ahead than calls can bring it, the clock was set back: it begins anew."""
    return arrival_us if now_us < arrival_us <= now_us + burst_us else now_us


def _state_of(limit: Limit, ahead_us: int) -> LimitState:
    remaining = max(0, (limit.burst_us - ahead_us) // limit.emission_us)
    return LimitState(limit, remaining, -(-ahead_us // 1_000_000))


def forget_expired(*, most: int = 1000) -> int:
    """Deletes up to `most` limits that are whole again; returns how many."""
    now = time.time_ns() // 1000
    expired = list(RateLimit.objects.filter(arrival_us__lt=now).values_list("key", flat=True)[:most])
    return RateLimit.objects.filter(key__in=expired, arrival_us__lt=now).delete()[0]
