"""What time it is: one clock for everything that decides by time, so that tests can set it."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall


class Clock(Protocol):
    """`now` is seconds since 1970 UTC; `seconds` is monotonic and goes with `later`."""

    def now(self) -> float: ...

    def seconds(self) -> float: ...

    def later(self, seconds: float, call: Callable[..., object], *args: object) -> IDelayedCall: ...


class SystemClock:
    """The machine's clock and the reactor's."""

    def now(self) -> float:
        return time.time()

    def seconds(self) -> float:
        return float(_reactor().seconds())

    def later(self, seconds: float, call: Callable[..., object], *args: object) -> IDelayedCall:
        delayed: IDelayedCall = _reactor().callLater(seconds, call, *args)
        return delayed


@cache
def _reactor() -> Any:
    """Installed by the time it is first asked; the import statement costs more than the question."""
    from twisted.internet import reactor

    return reactor


_of_this_process: list[Clock] = [SystemClock()]


def process_clock() -> Clock:
    """The clock of everything that was not given another one."""
    return _of_this_process[0]


def set_process_clock(clock: Clock) -> None:
    """`clock` is that of the process from now on; for tests that start a real server."""
    _of_this_process[0] = clock
