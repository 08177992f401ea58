"""Work that would hold up the reactor: slow hashes, SQLite, fsync."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A pool of threads.  `run` cannot be called off: who stops waiting leaves the work to end by itself."""

    def __init__(self, name: str, size: int) -> None:
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)

    def start(self) -> None:
        if not self._pool.started:
            self._pool.start()

    def stop(self) -> None:
        """Waits for what is running."""
        if self._pool.started:
            self._pool.stop()

    async def run(self, work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """What `work` returns, or raises, in a thread of this pool."""
        from twisted.internet import reactor

        self.start()
        return await _shielded(deferToThreadPool(cast(Any, reactor), self._pool, work, *args, **kw))


def _shielded(work: Deferred[T]) -> Deferred[T]:
    result: Deferred[T] = Deferred(lambda gone: None)

    def done(value: T | Failure) -> None:
        if not result.called:
            result.callback(value)

    work.addBoth(done)
    return result
