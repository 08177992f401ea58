"""Work that must not overlap: one after the other, each to its end, even if who asked has gone."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import DeferredLock

from mailtwist.kit.spawn import shield, started

T = TypeVar("T")


class OneByOne:
    """In the order of asking."""

    def __init__(self) -> None:
        self._lock = DeferredLock()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` returns or raises.  Who stops waiting does not stop it."""
        result: T = await shield(started(self._run(work)), lambda late: None)
        return result

    async def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self._lock.acquire()
        try:
            return await work()
        finally:
            self._lock.release()
