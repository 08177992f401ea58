"""Threads for tests that want no chance in them: work is done at once, or when the test says so."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailtwist.kit.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")


class AtOnce(Threads):
    """Work is done before `run` returns."""

    def __init__(self) -> None:
        super().__init__("at-once", 1)

    async def run(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        return work(*args, **kw)


class InTurn(Threads):
    """Work waits in `waiting` until the test does it, in any order."""

    def __init__(self) -> None:
        super().__init__("in-turn", 1)
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    async def run(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        done: Deferred[T] = Deferred()
        self.waiting.append((lambda: work(*args, **kw), done))
        return await done

    def do(self, which: int = 0) -> None:
        """One piece of work is done and whoever waited goes on."""
        work, done = self.waiting.pop(which)
        try:
            result = work()
        except Exception:
            done.errback(Failure())
        else:
            done.callback(result)

    def do_all(self) -> None:
        while self.waiting:
            self.do()
