"""Waiting for an authority: pauses that grow, as it wants them, and an end to them.  rfc8555#7.5.1"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from mailtwist.kit.clock import Clock
from mailtwist.kit.within import pause
from mailtwist.tls.acme.problem import NotIssued

FIRST, GROWS, LONGEST = 0.25, 1.6, 15.0
"""Seconds, and by how much each pause is longer than the last."""

MOST = 60.0
"""Seconds that an authority can make us wait between two questions."""


class Waits(Protocol):
    @property
    def wait(self) -> float | None: ...


T = TypeVar("T", bound=Waits)


async def until(
    clock: Clock, patience: float, ask: Callable[[], Awaitable[T]], done: Callable[[T], bool], what: str
) -> T:
    """What `ask` gives when it is `done`; `NotIssued` (slow) with `what`, a sentence, after `patience`
    seconds."""
    end = clock.seconds() + patience
    wait = FIRST
    while True:
        found = await ask()
        if done(found):
            return found
        rest = max(wait, min(found.wait or 0.0, MOST))
        if clock.seconds() + rest > end:
            raise NotIssued("slow", f"{what} in {patience:g} s")
        await pause(clock, rest)
        wait = min(wait * GROWS, LONGEST)
