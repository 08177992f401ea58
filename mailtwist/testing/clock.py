"""A clock that a test turns: by hand in memory, by a file in a server that really runs."""

from collections.abc import Callable
from pathlib import Path

from twisted.internet import task
from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import SystemClock

BEGIN = 1_800_000_000.0


class ManualClock:
    """`kit.clock.Clock` over Twisted's `task.Clock`: time passes only with `advance`, all of it at once."""

    def __init__(self, now: float = BEGIN) -> None:
        self.reactor = task.Clock()
        self._begin = now

    def now(self) -> float:
        return self._begin + float(self.reactor.seconds())

    def seconds(self) -> float:
        return float(self.reactor.seconds())

    def later(self, seconds: float, call: Callable[..., object], *args: object) -> IDelayedCall:
        return self.reactor.callLater(seconds, call, *args)

    def advance(self, seconds: float) -> None:
        self.reactor.advance(seconds)


class SettableClock(SystemClock):
    """The machine's clock, ahead by the seconds that `file` says (none, or nothing to read: 0).  The file is
    read again at every question, so a test writes it and the server is elsewhere in time.  Timers run as
    always."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> float:
        return super().now() + self._ahead()

    def _ahead(self) -> float:
        try:
            return float(self._file.read_text() or 0)
        except (FileNotFoundError, ValueError):
            return 0.0
