"""The odds of guessing a code, for somebody who knows the password already."""

import tempfile
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import markup

from mailtwist.auth.api import Source
from mailtwist.auth.limits import Attempt, Limits, the_limits
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import installed
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce

T = TypeVar("T")

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
QUARTER = 90 * DAY
STEPS = 3
"""Codes of one token that are right at any moment: this one, the one before and the one after."""

FIVE = 5
"""Saved strings that are honoured everywhere, where somebody has built it so."""


@dataclass(frozen=True)
class Allowance:
    """A rule that lets somebody guess `number` times in `seconds`."""

    words: str
    number: int
    seconds: float

    @property
    def in_a_quarter(self) -> float:
        return self.number * QUARTER / self.seconds


ELSEWHERE: Sequence[Allowance] = (
    Allowance("10 in 15 minutes", 10, 15 * MINUTE),
    Allowance("12 in 2 minutes", 12, 2 * MINUTE),
    Allowance("50 a day", 50, DAY),
    Allowance("100 in 30 days", 100, 30 * DAY),
)


def odds(guesses: float, right: int, digits: int = 6) -> float:
    """The probability that one of `guesses` tries meets one of `right` codes of so many digits."""
    return 1.0 - (1.0 - right / 10.0**digits) ** guesses


def percent(probability: float) -> str:
    """`22.8 %`, `0.26 %`, `0.0009 %`"""
    hundred = 100.0 * probability
    digits = 1 if hundred >= 1 else 2 if hundred >= 0.02 else 4
    return f"{hundred:.{digits}f} %"


@cache
def ours() -> int:
    """What our own limits let through in ninety days, to an attacker with as many addresses as he wants who
    begins at the moment that is best for him: counted, with the limits that decide for the doors."""
    return max(_let_through(phase * DAY) for phase in (0, 10, 20, 29))


def table() -> str:
    """A row for each rule, the last is our own."""
    rows = [(rule.words, *_row(rule.in_a_quarter)) for rule in ELSEWHERE]
    heads = ("guesses allowed", "six digits", "and five saved strings", "eight digits")
    return markup.table(heads, [*rows, (f"ours: {ours()} in 90 days", *_row(ours()))], "40 20 20 20")


def _row(guesses: float) -> tuple[str, str, str]:
    found = odds(guesses, STEPS), odds(guesses, STEPS + FIVE), odds(guesses, STEPS, digits=8)
    return percent(found[0]), percent(found[1]), percent(found[2])


def words(text: str) -> str:
    """`text` with the odds of somebody who is where the account's devices are."""
    devices = LoginSettings().devices
    return text.format(devices=devices, there=percent(odds(ours(), STEPS + devices)))


def _let_through(phase: float) -> int:
    clock = ManualClock(30 * DAY * 700 + phase)
    with tempfile.TemporaryDirectory() as folder:
        state: dict[str, object] = {}
        assembly = OnePart(Path(folder), clock=clock, threads=AtOnce(), parts={"state": state})
        memory = installed("mailtwist.state")["memory"].load()
        state["memory"] = memory.build(memory.settings(), assembly)
        limits = assembly.one(the_limits)
        _done(assembly.start())
        admitted = 0
        for hour in range(int(QUARTER / HOUR)):
            while _guessed(limits, f"198.{hour % 200}.{admitted % 250}.7"):
                admitted += 1
            clock.advance(HOUR)
        _done(assembly.stop())
    return admitted


def _guessed(limits: Limits, address: str) -> bool:
    return _done(_guess(limits, address))


async def _guess(limits: Limits, address: str) -> bool:
    attempt = Attempt(
        source=Source.UNTRUSTED,
        account="ann",
        known=True,
        address=address,
        kind="totp",
        password=b"",
        login="ann@example.org",
    )
    try:
        admission = await limits.admitted(attempt)
    except Trouble:
        return False
    await admission.failed()
    return True


def _done(work: Coroutine[Any, Any, T]) -> T:
    """What it returns: nothing here waits for anything."""
    results: list[T] = []
    started(work).addCallback(results.append)
    return results[0]


if __name__ == "__main__":
    print(table())
