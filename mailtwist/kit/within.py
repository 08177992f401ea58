"""Work that somebody waits for, but not for ever; and waiting for nothing but time."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import started

T = TypeVar("T")


class TooLate(Exception):
    """The time was over before the work."""


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises.  After `seconds` it is called off, and `TooLate` raised."""
    doing = started(work)
    timer = clock.later(seconds, doing.cancel)
    try:
        return await doing
    except CancelledError:
        if timer.active():
            raise
        raise TooLate() from None
    finally:
        if timer.active():
            timer.cancel()


async def pause(clock: Clock, seconds: float) -> None:
    """Returns after `seconds`."""
    over: Deferred[None] = Deferred()
    timer = clock.later(seconds, over.callback, None)
    try:
        await over
    finally:
        if timer.active():
            timer.cancel()
