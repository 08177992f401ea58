"""`/health`: a word for load balancers and watchdogs, and whether clients can be served by its status."""

from dataclasses import dataclass
from math import inf

from twisted.internet.defer import Deferred

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn, to_its_end
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.web.api import Answer, Asked, Page, said

GOOD_FOR = 1.0
"""Seconds in which the state is not asked again, however many ask us."""

WELL = said(200, "ok")
ILL = said(503, "unavailable", Retry_After="10")


@dataclass(frozen=True)
class Settings:
    """200 `ok` while logins can be judged, 503 `unavailable` while they cannot."""


class Health:
    """Nobody can log in without the state that lasts."""

    def __init__(self, state: Durable, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known = ILL
        self._until = -inf
        self._looking: Deferred[object] | None = None

    async def answer(self, asked: Asked) -> Answer:
        """However many wait, and whoever of them goes, the state is asked once."""
        if self._looking is None and self._clock.seconds() >= self._until:
            looking = spawn(self._look(), "asking the state whether it is well")
            self._looking = None if looking.called else looking
        if self._looking is not None:
            await to_its_end(self._looking)
        return self._known

    async def _look(self) -> None:
        try:
            await self._state.enrolled("")
            self._known = WELL
        except Trouble:
            self._known = ILL
        finally:
            self._until = self._clock.seconds() + GOOD_FOR
            self._looking = None


def build(settings: Settings, assembly: Assembly) -> Page:
    health = Health(durable(assembly), assembly.clock)
    return Page("health", ("/health",), health.answer, seconds=10, quiet=True)


part = Part(Settings, build)
