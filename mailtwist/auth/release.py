"""When an answer that is no way in leaves: at times that tell nothing about what was wrong."""

from math import ceil

from twisted.internet.defer import Deferred

from mailtwist.config.login import LoginSettings
from mailtwist.kit.clock import Clock

LONGEST = 8.0
"""Seconds that an answer is held back at most: those who ask for others (Postfix, Exim) give up at ten."""


class Release:
    """One for the process.  Refusals and temporary trouble wait alike: the difference in time between them
    would be as good as one in words."""

    def __init__(self, clock: Clock, settings: LoginSettings) -> None:
        self._clock = clock
        self._least = settings.refusal
        self._quantum = settings.quantum

    async def wait(self, begun: float) -> None:
        """It is the next multiple of the quantum after the least time that a refusal takes, from `begun` on,
        and no later than `LONGEST`, unless it has taken longer than that by itself."""
        elapsed = self._clock.seconds() - begun
        at = ceil(max(elapsed, self._least) / self._quantum) * self._quantum
        if elapsed <= LONGEST:
            at = min(at, LONGEST)
        released: Deferred[None] = Deferred()
        call = self._clock.later(max(0.0, at - elapsed), released.callback, None)
        try:
            await released
        finally:
            if call.active():
                call.cancel()
