"""Where messages wait that arrive while others are put away: then all of them are put away together."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailtwist.kit.spawn import spawn
from mailtwist.store.api import Stored
from mailtwist.store.maildir.arriving import Letter, Outcome, deliver
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.onebyone import OneByOne

TOGETHER, OCTETS_TOGETHER = 64, 16 << 20  # messages and octets, but for the first message

Work = Callable[[Callable[[Ground], list[Outcome]]], Coroutine[Any, Any, list[Outcome]]]


class Counter:
    """One account's.  `work` does something on its ground, in its turn among all that is `in_turn`."""

    def __init__(self, in_turn: OneByOne, work: Work) -> None:
        self._in_turn = in_turn
        self._work = work
        self._waiting: list[tuple[Letter, Deferred[Stored]]] = []

    async def take(self, letter: Letter) -> Stored:
        """Where it is stored, or the error.  Who stops waiting does not stop it."""
        done: Deferred[Stored] = Deferred(lambda gone: None)
        self._waiting.append((letter, done))
        if len(self._waiting) == 1:
            self._call()
        return await done

    def _call(self) -> None:
        spawn(self._in_turn.run(self._put_away), "putting messages away")

    async def _put_away(self) -> None:
        """Those that are here when it is their turn; nobody else waits long for them."""
        count = _together([letter for letter, _ in self._waiting])
        going, self._waiting = self._waiting[:count], self._waiting[count:]
        if self._waiting:
            self._call()
        letters = [letter for letter, _ in going]
        try:
            outcomes: Sequence[Outcome | Failure] = await self._work(partial(deliver, letters=letters))
        except Exception:
            outcomes = [Failure()] * len(going)
        for (_, done), outcome in zip(going, outcomes, strict=True):
            _tell(done, outcome)


def _together(letters: Sequence[Letter]) -> int:
    """How many of them go at a time."""
    octets = 0
    for number, letter in enumerate(letters[:TOGETHER]):
        octets += letter.size
        if number and octets > OCTETS_TOGETHER:
            return number
    return min(len(letters), TOGETHER)


def _tell(done: Deferred[Stored], outcome: Outcome | Failure) -> None:
    if done.called:  # nobody waits any more
        return
    if isinstance(outcome, Stored):
        done.callback(outcome)
    else:
        done.errback(outcome if isinstance(outcome, Failure) else Failure(outcome))
