"""When an answer that is no way in leaves: at times that tell nothing about what was wrong."""

from math import ceil

from twisted.internet.defer import Deferred

from mailtwist.config.login import LoginSettings
from mailtwist.kit.clock import Clock

LONGEST = 8.0
"""Seconds that an answer is held back at most: those who ask for others (Postfix, Exim) give up at ten."""


LATELY = 600.0
"""Seconds for which a slow directory is remembered."""


class Release:
    """One for the process.  Refusals and temporary trouble wait alike: the difference in time between them
    would be as good as one in words.  Where a directory needs longer to refuse a password than the least time
    (many mail servers wait two seconds themselves), what is refused without asking it takes as long: else who
    waits longer would know that his code was right."""

    def __init__(self, clock: Clock, settings: LoginSettings) -> None:
        self._clock = clock
        self._least = settings.refusal
        self._quantum = settings.quantum
        self._slowest = 0.0
        self._until = 0.0

    async def wait(self, begun: float, *, judged: bool = False, least: float = 0.0) -> None:
        """It is the next multiple of the quantum after the least time that a refusal takes, from `begun` on,
        and no later than `LONGEST`, unless it has taken longer than that by itself.  `judged`: a directory
        has refused the password, or a service elsewhere the code.  `least`: so long somebody could have been
        asked on his phone, and nobody sees whether he was; nor from what others wait, if they were as slow as
        a wrong password, and a right one was none."""
        now = self._clock.seconds()
        elapsed = now - begun
        if judged and elapsed >= least and (elapsed >= self._slowest or now >= self._until):
            self._slowest, self._until = elapsed, now + LATELY
        slowest = self._slowest if now < self._until else 0.0
        longest = max(LONGEST, least)
        due = min(longest, max(self._least, slowest, least))
        at = ceil(max(elapsed, due) / self._quantum) * self._quantum
        if elapsed <= longest:
            at = min(at, longest)
        released: Deferred[None] = Deferred()
        call = self._clock.later(max(0.0, at - elapsed), released.callback, None)
        try:
            await released
        finally:
            if call.active():
                call.cancel()
