"""Coroutines that are begun in the middle of other work, and have to end before it does."""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from mailtwist.kit.spawn import started


class Alongside:
    """`failed` hears of an exception of one that was dropped, unless it is `harmless`."""

    __slots__ = ("_begun", "_failed", "_harmless")

    def __init__(self, failed: Callable[[Failure], object], *harmless: type[Exception]) -> None:
        self._failed = failed
        self._harmless = CancelledError, *harmless
        self._begun: list[Deferred[Any]] = []

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        self._begun.append(started(work))

    async def done(self) -> None:
        """All have ended, in the order in which they were begun."""
        while self._begun:
            await self._begun.pop(0)

    def drop(self) -> None:
        """Those that have not are called off; that is no failure."""
        for work in self._begun:
            work.addErrback(self._unless_harmless)
            work.cancel()
        self._begun.clear()

    def _unless_harmless(self, failure: Failure) -> None:
        if not failure.check(*self._harmless):
            self._failed(failure)
