"""twistd with a clock whose timers run faster, so that a test sees the end of a patience of five minutes."""

from collections.abc import Callable
from typing import Any

from mailtwist.app.tap import TWISTD
from mailtwist.kit.clock import SystemClock, set_process_clock


class HurriedClock(SystemClock):
    """The time of day is as ever; `pace` seconds of a timer pass in one."""

    def __init__(self, pace: float) -> None:
        self._pace = pace

    def seconds(self) -> float:
        return super().seconds() * self._pace

    def later(self, seconds: float, call: Callable[..., object], *args: object) -> Any:
        return Hurried(super().later(seconds / self._pace, call, *args), self._pace)


class Hurried:
    """What `later` gives, in hurried seconds too."""

    def __init__(self, call: Any, pace: float) -> None:
        self._call = call
        self._pace = pace
        self.active, self.cancel = call.active, call.cancel

    def getTime(self) -> float:
        return float(self._call.getTime() * self._pace)

    def reset(self, seconds: float) -> None:
        self._call.reset(seconds / self._pace)

    def delay(self, seconds: float) -> None:
        self._call.delay(seconds / self._pace)


def program(pace: float) -> tuple[str, ...]:
    """What to tell Python in place of `twistd -n mailtwist`."""
    return ("-P", "-c", f"from tests.process.hurry import run; run({pace})", *TWISTD[3:])


def run(pace: float) -> None:
    from twisted.scripts import twistd

    set_process_clock(HurriedClock(pace))
    twistd.run()
