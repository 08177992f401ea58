"""Waiting in line: who comes first is served first, nobody waits for ever, and no line is too long."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import uniform

from twisted.internet.defer import Deferred

from mailtwist.auth.turnstile import stand_aside
from mailtwist.kit.clock import Clock

LOOK_EVERY = 0.25
"""What other processes do is looked at so often; no oftener, and not all at once."""


class LineFull(Exception):
    """There are enough in this line already."""


class WaitedLong(Exception):
    """It took too long."""


@dataclass(slots=True)
class _Line:
    """`inside` have a place; `waiting` want one, in order; `news` are waited for by who has one."""

    inside: int = 0
    waiting: OrderedDict[Deferred[bool], None] = field(default_factory=OrderedDict)
    news: OrderedDict[Deferred[bool], None] = field(default_factory=OrderedDict)


class Lines:
    """Lines by key, each with so many `places`, for at most `longest` who wait.  A line is there only as long
    as somebody is in it."""

    def __init__(self, clock: Clock, places: int, longest: int) -> None:
        self._clock = clock
        self._places = places
        self._longest = longest
        self._lines: dict[str, _Line] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._calling = False

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    async def enter(self, key: str, until: float) -> None:
        """A place is ours, until `leave`.  LineFull at once; WaitedLong at `until` (`Clock.seconds`)."""
        line = self._lines.setdefault(key, _Line())
        if line.inside < self._places and not line.waiting:
            line.inside += 1
            return
        if len(line.waiting) >= self._longest:
            raise LineFull
        turn: Deferred[bool] = Deferred()
        line.waiting[turn] = None
        try:
            await self._within(turn, until)
        except BaseException:
            line.waiting.pop(turn, None)
            raise

    def leave(self, key: str) -> None:
        """The place is for who waits first."""
        self._lines[key].inside -= 1
        self._call(lambda: self._serve(key))

    def tell(self, key: str) -> None:
        """Something changed for who is at the head of this line."""
        self._call(lambda: self._tell(key))

    async def news(self, key: str, until: float) -> None:
        """Something may have changed; for who has a place.  WaitedLong at `until`."""
        now = self._clock.seconds()
        if now >= until:
            raise WaitedLong
        line = self._lines[key]
        told: Deferred[bool] = Deferred()
        line.news[told] = None
        try:
            await self._within(told, min(until, now + uniform(LOOK_EVERY / 2, LOOK_EVERY)))
        except WaitedLong:
            pass  # it is time to look
        finally:
            line.news.pop(told, None)

    def _serve(self, key: str) -> None:
        line = self._lines.get(key)
        if line is None:
            return
        if line.waiting and line.inside < self._places:
            turn, _ = line.waiting.popitem(last=False)
            line.inside += 1
            turn.callback(True)
        elif not line.inside:
            del self._lines[key]

    def _tell(self, key: str) -> None:
        line = self._lines.get(key)
        if line is not None and line.news:
            told, _ = line.news.popitem(last=False)
            told.callback(True)

    def _call(self, call: Callable[[], None]) -> None:
        """One after the other: a long line that moves up at once is no deep stack."""
        self._calls.append(call)
        if self._calling:
            return
        self._calling = True
        try:
            while self._calls:
                self._calls.popleft()()
        finally:
            self._calling = False

    async def _within(self, waiting: Deferred[bool], until: float) -> None:
        def over() -> None:
            if not waiting.called:
                waiting.callback(False)

        call = self._clock.later(max(0.0, until - self._clock.seconds()), over)
        stand_aside()
        try:
            if not await waiting:
                raise WaitedLong
        finally:
            if call.active():
                call.cancel()
