"""The server's time, as far as this device knows it."""

import time
from collections.abc import Callable
from datetime import datetime

# A clock that is further off could not have verified the server's certificate, so a larger
# correction is not the server's: somebody wants signatures that are dated for later.
MAX_CORRECTION_SECONDS = 366 * 24 * 3600


class ServerClock:
    """Unix seconds by the server's clock: its last known time plus what has passed since.

    What has passed is read off a monotonic clock, so that setting the device's own clock changes
    nothing. Prefer one that counts during sleep (`elapsedRealtime`, `mach_continuous_time`);
    with Python's, which may not, a `clock_skew` after a long sleep puts it right. Until the server
    has been heard, the device's own clock is believed. The device's clock is never set.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._origin = wall() - monotonic()  # server time when the monotonic clock stood at zero

    def now(self) -> int:
        """Unix seconds: the `created` of a signature made now."""
        return int(self._origin + self._monotonic())

    def adopt(self, server_time: object) -> bool:
        """Takes a `server_time` that has just arrived: Unix seconds, or RFC 3339.

        False, and nothing is changed, when it is neither or not credible. The time that the answer
        travelled is left out: that errs into the past, where the server tolerates five minutes,
        and not into the future, where it tolerates one.
        """
        try:
            if isinstance(server_time, str):
                seconds = datetime.fromisoformat(server_time).timestamp()
            elif isinstance(server_time, int | float):
                seconds = float(server_time)
            else:
                return False
        except (ValueError, OverflowError):
            return False
        if not abs(seconds - self._wall()) <= MAX_CORRECTION_SECONDS:  # so written, NaN is refused
            return False
        self._origin = seconds - self._monotonic()
        return True
