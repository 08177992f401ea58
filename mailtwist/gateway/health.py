"""How the servers behind us are: left alone when they are in trouble, asked again after a while."""

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn

DOWN = Event("upstream.down", "[upstream:{upstream}] {where}: {reason}: left alone for {seconds} s", "error")
UP = Event("upstream.up", "[upstream:{upstream}] {where} answers again")

TOGETHER = 60.0
"""Seconds within which trouble of different clients adds up."""

LONGEST = 60.0
"""A pause is no longer than this."""

FAILED_CHECKS = 2
"""So many checks of our own, one after the other; one is enough where a client has had trouble, too."""


class _State(Enum):
    UP = "up"
    DOWN = "down"
    TRIED = "tried"


class Health:
    """One port of one host.  It is left alone when so many (`troubles`) different clients have had trouble
    there within a minute and nobody was served between, or when checks of our own fail.  One client alone,
    who may be the reason, does not get so far.  After `pause` one client at a time tries it; failing doubles
    the pause, up to a minute.  A check that goes well ends what failed checks began; when it was clients who
    had trouble, one of them has to be served first: a check does not log in."""

    def __init__(self, upstream: str, where: str, clock: Clock, troubles: int, pause: float) -> None:
        self.where = where
        self.reason = ""
        self.since = clock.now()
        self._upstream = upstream
        self._clock = clock
        self._most = troubles
        self._pause = self._next_pause = pause
        self._state = _State.UP
        self._until = 0.0
        self._troubles: dict[str, float] = {}
        self._failed_checks = 0
        self._by_check = False
        self._tries: Visit | None = None

    @property
    def up(self) -> bool:
        return self._state is _State.UP

    @property
    def ready(self) -> bool:
        """A client may go there."""
        if self._state is _State.DOWN and self._clock.seconds() >= self._until:
            self._state = _State.TRIED
        return self._state is _State.UP or (self._state is _State.TRIED and self._tries is None)

    @property
    def doubted(self) -> bool:
        """Somebody has had trouble within a minute, and nobody was served there since."""
        since = self._clock.seconds() - TOGETHER
        return any(then > since for then in self._troubles.values())

    def enter(self, who: str) -> "Visit":
        """When it is `ready`."""
        visit = Visit(self, who)
        if self._state is not _State.UP:
            self._tries = visit
        return visit

    # -- what became of a visit
    def answered(self) -> None:
        self._troubles.clear()
        self._failed_checks = 0
        self._mend()

    def troubled(self, visit: "Visit", reason: str) -> None:
        now = self._clock.seconds()
        if self._state is _State.UP:
            self._troubles = {who: then for who, then in self._troubles.items() if then > now - TOGETHER}
            self._troubles[visit.who] = now
            if len(self._troubles) >= self._most:
                self._fail(reason, by_check=False)
        elif self._tries is visit:
            self._fail(reason, self._by_check)

    def left(self, visit: "Visit") -> None:
        if self._tries is visit:
            self._tries = None

    # -- our own checks
    def checked(self, trouble: str) -> None:
        """What a check has found; '' when all is well."""
        if not trouble:
            self._failed_checks = 0
            if self._by_check:
                self._mend()
            return
        self._failed_checks += 1
        if self._state is not _State.UP or self._failed_checks >= FAILED_CHECKS or self._troubles:
            self._fail(trouble, by_check=True)

    # -- states
    def _fail(self, reason: str, by_check: bool) -> None:
        known = self._state is _State.DOWN  # a check finds what is known: no news, and no longer pause
        if self._state is _State.UP:
            self.since = self._clock.now()
        self._by_check = by_check and (self._by_check or self._state is _State.UP)
        self._state, self._tries, self.reason = _State.DOWN, None, reason
        self._troubles.clear()
        if not known:
            pause, self._next_pause = self._next_pause, min(LONGEST, 2 * self._next_pause)
            self._until = self._clock.seconds() + pause
            DOWN.log(upstream=self._upstream, where=self.where, reason=reason, seconds=round(pause, 1))

    def _mend(self) -> None:
        if self._state is _State.UP:
            return
        self._state, self._tries, self.reason = _State.UP, None, ""
        self._next_pause, self._by_check = self._pause, False
        self.since = self._clock.now()
        UP.log(upstream=self._upstream, where=self.where)


class Visit:
    """One client there.  In the end it has `left`."""

    __slots__ = ("_health", "who")

    def __init__(self, health: Health, who: str) -> None:
        self._health = health
        self.who = who

    def answered(self) -> None:
        """Served, or refused for a reason that is the client's own."""
        self._health.answered()

    def troubled(self, reason: str) -> None:
        self._health.troubled(self, reason)

    def left(self) -> None:
        self._health.left(self)


class Checks:
    """`check` is done at once, then `every` so many seconds after it has ended, and `soon` after clients have
    had trouble."""

    SOON = 1.0

    def __init__(self, clock: Clock, every: float, check: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._clock = clock
        self._every = every
        self._check = check
        self._next: IDelayedCall | None = None
        self._work: Deferred[object] | None = None

    def start(self) -> None:
        self._next = self._clock.later(0, self._begin)

    def soon(self) -> None:
        if self._next is not None and self._next.getTime() - self._clock.seconds() > self.SOON:
            self._next.reset(self.SOON)

    def stop(self) -> None:
        """The one under way is called off."""
        timer, self._next = self._next, None
        work, self._work = self._work, None
        if timer is not None:
            timer.cancel()
        if work is not None:
            work.cancel()

    def _begin(self) -> None:
        self._next = None
        self._work = work = spawn(self._check(), "a check of the servers behind")
        work.addBoth(lambda _: self._ended(work))

    def _ended(self, work: Deferred[object]) -> None:
        if self._work is work:
            self._work = None
            self._next = self._clock.later(self._every, self._begin)
