"""Strings that nobody knows are judged a few at a time: whoever is known finds the way free."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from twisted.internet.defer import Deferred

from mailtwist.auth.api import TooManyAttempts
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock

AT_ONCE = 8
"""Strings that are at work in this process; all others wait before anything has been done for them.  Their
answers are not due yet, as those of remembered devices are."""

LONGEST = 8.0
"""Seconds after which it is not worth beginning: nobody waits for the answer any more."""

MOMENT = 0.25  # seconds that work of our own takes at most

AGAIN = 1.0  # seconds after which who was sent away may try again


class Turnstile:
    """Of so many `places`.  Each turn of the reactor lets no more in than there are places, so that none is
    long, however many come."""

    def __init__(self, clock: Clock, places: int = AT_ONCE) -> None:
        self._clock = clock
        self._places = places
        self._inside = 0
        self._waiting: deque[Deferred[None]] = deque()

    def turn(self) -> "Turn":
        return Turn(self, self._clock)

    async def enter(self) -> None:
        if self._inside < self._places and not self._waiting:
            self._inside += 1
            return
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        await turn

    def leave(self) -> None:
        self._inside -= 1
        if self._waiting:
            self._clock.later(0, self._serve)

    def _serve(self) -> None:
        while self._waiting and self._inside < self._places:
            turn = self._waiting.popleft()
            if not turn.called:  # else it was called off
                self._inside += 1
                turn.callback(None)
                return


class Turn:
    """An asynchronous context around the work for one string; the place is free at its end, or as soon as it
    `stands_aside`.  `TooManyAttempts` when it came too late."""

    def __init__(self, turnstile: Turnstile, clock: Clock) -> None:
        self._turnstile = turnstile
        self._clock = clock
        self._inside = False

    async def __aenter__(self) -> Self:
        until = self._clock.seconds() + LONGEST
        await self._turnstile.enter()
        self._inside = True
        if self._clock.seconds() > until:
            self.leave()
            raise TooManyAttempts("too-many-attempts", AGAIN, "waiting")
        _turn.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        if self._inside:
            self._inside = False
            self._turnstile.leave()


_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


def stand_aside() -> None:
    """Whoever is about to wait for somebody else (in a line, for a directory) lets others work meanwhile."""
    turn = _turn.get()
    if turn is not None:
        turn.leave()


@contextmanager
def standing_aside_if_slow(clock: Clock) -> Iterator[None]:
    """What takes longer than a moment waits for somebody elsewhere: others work meanwhile."""
    turn = _turn.get()
    timer = None if turn is None else clock.later(MOMENT, turn.leave)
    try:
        yield
    finally:
        if timer is not None and timer.active():
            timer.cancel()


def become_known() -> None:
    """This login has shown something that cannot be guessed at will: nobody else's goes first."""
    _turn.set(None)


def is_stranger() -> bool:
    """The login that this is part of came through a turnstile; false outside of logins, too."""
    return _turn.get() is not None


def the_turnstile(assembly: Assembly) -> Turnstile:
    """For `assembly.one`."""
    return Turnstile(assembly.clock)
