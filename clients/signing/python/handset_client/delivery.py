"""Getting one call through a bad network: fresh signatures, patience, a clock put right."""

import random
import time
from collections import Counter
from collections.abc import Callable

from handset_client.calls import Attempt
from handset_client.clock import ServerClock
from handset_client.outcomes import Answer, DeviceRevoked, Remedy
from handset_client.transport import NetworkFailure, Transport

_BACKOFF_SECONDS = 0.5  # the longest first pause; each further one may be twice as long
_BACKOFF_MOST_SECONDS = 8.0
_PATIENCE_SECONDS = 60.0  # asked to wait longer, the answer goes to the caller instead
_SETTLING_SECONDS = 1.0  # so long, at most, a replay store that was lost refuses what is signed now

_NETWORK_FAILURES = 4  # of one call, the last is raised
# How often one call is tried again for each of these, before the answer goes to the caller.
_TRIES = {Remedy.SIGN_ANEW: 1, Remedy.CORRECT_CLOCK: 3, Remedy.RETRY_LATER: 3}


class Delivery:
    """Sends until there is an answer that neither waiting nor signing anew will change."""

    def __init__(
        self,
        transport: Transport,
        clock: ServerClock,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._sleep = sleep

    def deliver(self, prepare: Callable[[], Attempt]) -> Answer:
        """The API's answer, a refusal too; `prepare` makes (and signs) every attempt anew.

        Raises NetworkFailure after several in a row, DeviceRevoked.
        """
        failures = 0
        tries: Counter[Remedy] = Counter()
        while True:
            attempt = prepare()
            try:
                answer = Answer.read(self._transport.send(attempt.method, attempt.url, attempt.headers, attempt.body))
            except NetworkFailure:
                failures += 1
                if failures == _NETWORK_FAILURES:
                    raise
                self._sleep(_backoff_seconds(failures))
                continue
            if answer.remedy is Remedy.STOP:
                raise DeviceRevoked(answer)
            pause_seconds = self._pause_before_next(answer, tries)
            if pause_seconds is None:
                return answer
            self._sleep(pause_seconds)

    def _pause_before_next(self, answer: Answer, tries: Counter[Remedy]) -> float | None:
        """Seconds until the next attempt, or None if there is to be none."""
        remedy = answer.remedy
        if remedy is None or tries[remedy] == _TRIES.get(remedy, 0):
            return None
        tries[remedy] += 1
        if remedy is Remedy.CORRECT_CLOCK:
            if not self._clock.adopt(answer.json.get("server_time")):
                return None
            return _SETTLING_SECONDS if answer.code == "replay_cache_reset" else 0
        if remedy is Remedy.RETRY_LATER:
            asked_seconds = answer.retry_after_seconds or 0
            if asked_seconds > _PATIENCE_SECONDS:
                return None
            return asked_seconds + _backoff_seconds(tries[remedy])
        return 0


def _backoff_seconds(failures: int) -> float:
    """A random pause ("full jitter"): who failed together shall not come back together."""
    longest = min(_BACKOFF_MOST_SECONDS, _BACKOFF_SECONDS * 2 ** (failures - 1))
    return random.uniform(0, longest)  # noqa: S311 -- spreads load, hides nothing
