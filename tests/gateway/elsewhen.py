"""twistd whose timers come nearer when a test's clock goes on."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mailtwist.kit.clock import set_process_clock
from mailtwist.testing.clock import SettableClock

LOOK_EVERY = 0.02


class LeapingClock(SettableClock):
    """When `file` says more, all of the process is so many seconds later, its timers too."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.leaped = self._ahead()
        self._noticed = noticed(file)
        self._timers: set[Any] = set()
        super().later(0, self._look)

    def seconds(self) -> float:
        return super().seconds() + self.leaped

    def later(self, seconds: float, call: Callable[..., object], *args: object) -> Any:
        timer = super().later(seconds, call, *args)
        self._timers.add(timer)
        return Leaping(timer, self)

    def _look(self) -> None:
        super().later(LOOK_EVERY, self._look)
        leap = self._ahead() - self.leaped
        self._timers = {timer for timer in self._timers if timer.active()}
        if leap:
            self.leaped += leap
            for timer in self._timers:
                timer.delay(-leap)
            self._noticed.write_text(f"{self.leaped}")


class Leaping:
    """What `later` gives: in seconds of that clock."""

    def __init__(self, timer: Any, clock: LeapingClock) -> None:
        self._timer = timer
        self._clock = clock
        self.active, self.cancel = timer.active, timer.cancel
        self.reset, self.delay = timer.reset, timer.delay

    def getTime(self) -> float:
        return float(self._timer.getTime() + self._clock.leaped)


def noticed(clock: Path) -> Path:
    """The seconds that the process has last leaped to are in it."""
    return clock.with_name("noticed")


def program(clock: Path) -> Sequence[str]:
    """What to tell Python in place of `twistd -n mailtwist`."""
    said = f"from tests.gateway.elsewhen import run; run({str(clock.absolute())!r})"
    return ("-P", "-c", said, "-n", "--pidfile=", "mailtwist")


def run(clock: str) -> None:
    from twisted.scripts import twistd

    set_process_clock(LeapingClock(Path(clock)))
    sys.argv[0] = "twistd"
    twistd.run()
