"""Start a coroutine: one of the two places where that is done (the other is a connection's turns)."""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from types import coroutine
from typing import Any, TypeVar

from twisted.cred.error import LoginFailed
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble

T = TypeVar("T")
_log = Logger()

NOT_DONE = Event("work.not_done", "{purpose} was not possible: {trouble}", "error")


def started(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """`work`, begun; whoever gets the Deferred owns its errors."""
    return Deferred.fromCoroutine(work)


def spawn(work: Coroutine[Any, Any, object], purpose: str) -> Deferred[object]:
    """`work`, begun and left alone: a failure is logged as a failure.  Being cancelled is none, and `Trouble`
    (a full disk) is no bug."""

    def failed(failure: Failure) -> None:
        if failure.check(Trouble):
            NOT_DONE.log(purpose=purpose, trouble=str(failure.value))
        elif not failure.check(CancelledError):
            _log.failure("{purpose} failed", failure=failure, purpose=purpose)

    done: Deferred[object] = Deferred.fromCoroutine(work)
    done.addErrback(failed)
    return done


def to_its_end(work: Deferred[T]) -> Deferred[T]:
    """The result of `work`; who stops waiting leaves it to end by itself, and then a failure is logged."""
    result: Deferred[T] = Deferred(lambda waiter: None)

    def done(value: T | Failure) -> T | Failure:
        if not result.called:
            result.callback(value)
        elif isinstance(value, Failure):
            _log.failure("work that nobody waits for failed", failure=value)
        return value

    work.addBoth(done)
    work.addErrback(lambda failure: None)
    return result


async def uninterrupted(
    work: Coroutine[Any, Any, T], waits: Callable[[Deferred[T]], object] = lambda rest: None
) -> T:
    """The result of `work`, which goes on to its end also when whoever awaits it is called off; a failure is
    logged then.  Work that has to wait for something is handed to `waits`; other work has ended by then, and
    nothing was made to wait with."""
    try:
        first = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    rest: Deferred[T] = Deferred.fromCoroutine(_from_here(work, first))
    waits(rest)
    return await to_its_end(rest)


@coroutine
def _from_here(work: Coroutine[Any, Any, T], waits: object) -> Generator[Any, Any, T]:
    """The rest of a coroutine that waits for `waits`."""
    while True:
        step: Callable[[Any], object] = work.send
        try:
            value = yield waits
        except BaseException as error:
            step, value = work.throw, error
        try:
            waits = step(value)
        except StopIteration as done:
            result: T = done.value
            return result


def shield(
    work: Deferred[Any], undo: Callable[[Any], object], leave: Callable[[], object] = lambda: None
) -> Deferred[Any]:
    """The result of `work`, which cannot be called off; when nobody waits any more, it is told by `leave`,
    and a late result is undone.  A late refusal (`Trouble`, twisted.cred's) is nothing to tell; any other
    failure is logged."""

    def left(waiter: Deferred[Any]) -> None:
        waiter.errback(CancelledError())
        leave()

    result: Deferred[Any] = Deferred(left)

    def done(value: Any) -> None:
        if not result.called:
            result.callback(value)
        elif not isinstance(value, Failure):
            undo(value)
        elif not value.check(Trouble, LoginFailed, CancelledError):
            value.raiseException()

    def failed(failure: Failure) -> None:
        _log.failure("what came too late failed", failure=failure)

    work.addBoth(done).addErrback(failed)
    return result


async def together(*work: Awaitable[T]) -> list[T]:
    """The results of all, in order; the first error after all have ended."""
    return await _results([Deferred.fromCoroutine(_wait(w)) for w in work])


async def abreast(*work: Awaitable[T]) -> list[T]:
    """As `together`; and calling it off calls off all."""
    begun = [Deferred.fromCoroutine(_wait(w)) for w in work]
    gone = False

    async def each(one: Deferred[T]) -> T:
        nonlocal gone
        try:
            return await one
        except CancelledError:
            gone = True
            for other in begun:
                other.cancel()
            raise

    try:
        return await _results([each(one) for one in begun])
    except Exception:
        if gone:
            raise CancelledError() from None
        raise


async def _results(begun: Sequence[Awaitable[T]]) -> list[T]:
    results: list[T] = []
    error: BaseException | None = None
    for one in begun:
        try:
            results.append(await one)
        except Exception as failed:
            error = error or failed
    if error is not None:
        raise error
    return results


async def _wait(work: Awaitable[T]) -> T:
    return await work
