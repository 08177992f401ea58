"""Names that strangers ask for: any process hears of them, and leaves them for the one that orders."""

from collections.abc import Callable
from math import inf

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.api import MOST_WISHES, Store

SOON = 1.0
EVERY = 10.0
"""Seconds between two times that something is left: each is a file that is synced."""

ONCE_IN = 3600.0
"""Seconds in which the same name is left once."""

MOST_KNOWN = 5000
"""Names that were left lately; of more the oldest are forgotten, and may be left again."""


class Leaves:
    """For a process that orders nothing.  `asked` is called in handshakes: it neither waits nor raises.
    `allowed(name)`: strangers may ask for it."""

    def __init__(self, store: Store, clock: Clock, allowed: Callable[[str], bool]) -> None:
        self._store = store
        self._clock = clock
        self._allowed = allowed
        self._left: dict[str, float] = {}
        self._waiting: list[str] = []
        self._last = -inf
        self._timer: IDelayedCall | None = None
        self._leaving: Deferred[object] | None = None

    def asked(self, name: str) -> None:
        now = self._clock.seconds()
        if now < self._left.get(name, -inf) + ONCE_IN or len(self._waiting) >= MOST_WISHES:
            return
        if not self._allowed(name):
            return
        self._left.pop(name, None)
        self._left[name] = now
        if len(self._left) > MOST_KNOWN:
            del self._left[next(iter(self._left))]
        self._waiting.append(name)
        if self._timer is None:
            self._timer = self._clock.later(max(SOON, self._last + EVERY - now), self._leave)

    def stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._leaving is not None:
            self._leaving.cancel()

    def _leave(self) -> None:
        self._leaving = spawn(self._leave_all(), "leaving names for the process that orders")

    async def _leave_all(self) -> None:
        names, self._waiting = self._waiting, []
        self._last = self._clock.seconds()
        self._timer = None
        try:
            await self._store.wish(names)
        except Trouble:
            for name in names:  # who asks again is heard again
                self._left.pop(name, None)
            raise


class Takes:
    """For the process that orders: each name that was left is told to `asked`."""

    def __init__(self, store: Store, asked: Callable[[str], None]) -> None:
        self.asked = asked
        self._store = store
        self._taking: Deferred[object] | None = None
        self._once_more = False
        self._end = store.listen(self._look)
        self._look()

    def stop(self) -> None:
        self._end()
        if self._taking is not None:
            self._taking.cancel()

    def _look(self) -> None:
        if self._taking is not None and not self._taking.called:
            self._once_more = True
        else:
            self._taking = spawn(self._take(), "taking names that strangers have asked for")

    async def _take(self) -> None:
        self._once_more = True
        while self._once_more:
            self._once_more = False
            for name in await self._store.take_wishes():
                self.asked(name)
