"""`/health`: a word for load balancers and watchdogs, and whether clients can be served by its status."""

from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
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
        self._known: tuple[float, Answer] | None = None

    async def answer(self, asked: Asked) -> Answer:
        if self._known is None or self._clock.seconds() >= self._known[0]:
            answer = await self._look()
            self._known = self._clock.seconds() + GOOD_FOR, answer
        return self._known[1]

    async def _look(self) -> Answer:
        try:
            await self._state.enrolled("")
        except Trouble:
            return ILL
        return WELL


def build(settings: Settings, assembly: Assembly) -> Page:
    health = Health(durable(assembly), assembly.clock)
    return Page("health", ("/health",), health.answer, seconds=10, quiet=True)


part = Part(Settings, build)
