"""Work that would hold up the reactor: slow hashes, SQLite, fsync."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailtwist.kit.steps import carried

P = ParamSpec("P")
T = TypeVar("T")

Job = tuple[Callable[[], Any], Callable[[Any], None]]


class Threads:
    """A pool of threads.  `run` cannot be called off: who stops waiting leaves the work to end by itself.

    Twisted's pool does the same with three objects and two locks for each piece of work, which cost more than
    many a piece; here there is one queue, written in C.  All but `_work` happens in the reactor's thread.
    A process does not end before its threads were stopped, unless their work may be `lost`."""

    def __init__(self, name: str, size: int, lost: bool = False) -> None:
        self._name = name
        self._size = size
        self._lost = lost
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._under_way = 0

    def start(self) -> None:
        """Threads are made when they are needed."""

    def stop(self) -> None:
        """Waits for what was asked for.  Whoever asks again later gets new threads."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()

    async def run(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """What `work` returns, or raises, in a thread of this pool."""
        result: Deferred[T] = Deferred(lambda gone: None)

        def done(value: T | Failure) -> None:
            self._under_way -= 1
            if not result.called:
                result.callback(value)

        if len(self._threads) < min(self._under_way + 1, self._size):
            self._grow()
        self._under_way += 1
        self._jobs.put((carried(lambda: work(*args, **kw)), done))
        return await result

    def _grow(self) -> None:
        from twisted.internet import reactor

        name = f"{self._name}-{len(self._threads)}"
        thread = Thread(
            target=_work, args=(self._jobs, cast(Any, reactor).callFromThread), name=name, daemon=self._lost
        )
        try:
            thread.start()
        except RuntimeError:  # the system has no more for us: those that are there do it
            if not self._threads:
                raise
        else:
            self._threads.append(thread)


def _work(jobs: "SimpleQueue[Job | None]", tell: Callable[..., None]) -> None:
    """One piece after the other, until there is nothing more."""
    while (job := jobs.get()) is not None:
        work, done = job
        try:
            value = work()
        except BaseException:
            value = Failure()
        tell(done, value)
        del job, work, done, value  # what waits for the next piece holds nothing of the last
