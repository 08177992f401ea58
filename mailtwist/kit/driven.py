"""A coroutine that goes on when it is called: for one that waits very often, mostly for the same thing."""

from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure


class Wait(Deferred[None]):
    """What a `Driven` coroutine may await in the place of a Deferred: it goes on by `go_on`, and no callback
    is called.  For any other coroutine this is a Deferred."""

    def __await__(self) -> Generator[Any, None, None]:
        yield self


class Driven:
    """Begun with `go_on`.  `failed` hears of the exception that it ends with.  Its context variables are its
    own.

    A Deferred that is fired for each wait, and Twisted's way back into a coroutine, cost more than a small
    command does."""

    def __init__(self, work: Coroutine[Any, Any, None], failed: Callable[[Failure], None]) -> None:
        self._work = work
        self._failed = failed
        self._context = copy_context()
        self._waits: object = None

    def waits_for(self, what: Wait) -> bool:
        """It is this coroutine that does, not another one that it has begun."""
        return self._waits is what

    def go_on(self) -> None:
        """To the next wait, or to its end."""
        self._step(self._work.send, None)

    def cancel(self) -> None:
        """`CancelledError` is raised where it waits; nothing happens when it does not."""
        waits = self._waits
        if type(waits) is Wait:
            self._step(self._work.throw, CancelledError())
        elif isinstance(waits, Deferred):
            waits.cancel()

    def _step(self, step: Callable[[Any], object], value: object) -> None:
        self._waits = None
        try:
            waits = self._context.run(step, value)
        except StopIteration:
            return
        except BaseException:
            self._failed(Failure())
            return
        self._waits = waits
        if type(waits) is not Wait:
            assert isinstance(waits, Deferred), waits
            waits.addBoth(self._came)

    def _came(self, result: object) -> None:
        if isinstance(result, Failure):
            self._step(result.throwExceptionIntoGenerator, self._work)
        else:
            self._step(self._work.send, result)
