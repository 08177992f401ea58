"""How long to wait after a failure: soon at first, rarely after hours, and never given up."""

from collections.abc import Callable
from dataclasses import dataclass

from mailtwist.kit.clock import Clock

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

PAUSES = (
    *(1 * MINUTE, 2 * MINUTE, 2 * MINUTE, 5 * MINUTE),
    *([10 * MINUTE] * 3),
    *([20 * MINUTE] * 4),
    *([30 * MINUTE] * 6),
    *([1 * HOUR] * 3),
    *([2 * HOUR] * 2),
    *([3 * HOUR] * 2),
)
"""Seconds after the first failure, the second and so on; then `LATER` for thirty days, then `AT_LAST`."""

LATER = 6 * HOUR
AT_LAST = 1 * DAY
LONG = 30 * DAY

LONGEST_PAUSE = 8 * DAY
"""Our own limits are for a week.  A longer pause was noted while the clock was elsewhere."""


def pause(failures: int, failing: float, random: Callable[[], float]) -> float:
    """Seconds to wait after so many failures in so many seconds.  Up to a tenth more, by chance: what failed
    together need not be tried together."""
    if failures <= len(PAUSES):
        seconds = PAUSES[max(failures, 1) - 1]
    else:
        seconds = LATER if failing < LONG else AT_LAST
    return seconds * (1 + random() / 10)


@dataclass
class _State:
    failures: int = 0
    open_until: float = 0.0
    why: str = ""


class Breaker:
    """Of one authority: after `MOST` failures that are its own fault it is left alone for a while, which
    doubles each time."""

    MOST = 3
    FIRST = 5 * MINUTE
    LONGEST = 6 * HOUR

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = _State()

    @property
    def wait(self) -> float:
        """Seconds for which it is left alone; 0.0: it may be asked."""
        return max(self._state.open_until - self._clock.seconds(), 0.0)

    @property
    def why(self) -> str:
        return self._state.why

    def failed(self, why: str, retry_after: float | None = None) -> None:
        """`retry_after`: it has said how long it wants to be left alone."""
        state = self._state
        state.failures += 1
        state.why = why
        rounds = state.failures // self.MOST
        wait = min(self.FIRST * 2 ** min(rounds - 1, 20), self.LONGEST) if rounds else 0.0
        if retry_after is not None:
            wait = max(wait, min(retry_after, DAY))
        state.open_until = max(state.open_until, self._clock.seconds() + wait)

    def worked(self) -> None:
        self._state = _State()
