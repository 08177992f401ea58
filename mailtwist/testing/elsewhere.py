"""A service elsewhere that comes and goes, and what must be so of whoever asks it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.api import Asked
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.kit.steps import steps_heard

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

PERSON = Person("account-1", "ann@example.org", ("ann@example.org",))
OTHER = Person("account-2", "bob@example.org", ("bob@example.org",))
NOBODY = Person("?0123456789abcdef0123", "nobody@example.org")
GRACE = 5.0
"""Seconds within which what answers at all has answered."""


class Elsewhere(_TestCase):
    """What all of them have in common.  Mix into a trial `TestCase` that has the methods below; every test
    begins with a service that answers and knows `PERSON` and `OTHER`."""

    async def make_factor(self) -> Any:
        raise NotImplementedError

    async def kill(self) -> None:
        """Nobody answers at its address from now on."""
        raise NotImplementedError

    async def silence(self) -> None:
        """It takes questions from now on, and answers none."""
        raise NotImplementedError

    async def confuse(self) -> None:
        """What it answers from now on makes no sense."""
        raise SkipTest("its answers cannot be garbage")

    async def revive(self) -> None:
        """It answers again, and whatever time a part leaves a dead one alone has passed."""
        raise NotImplementedError

    def questions(self) -> int:
        """How many it was asked until now."""
        raise NotImplementedError

    def secrets(self) -> Iterable[str]:
        """What must be in no log beside what the test itself sends: shared secrets, tokens of ours."""
        return ()

    async def wait(self, waiting: Deferred[Any], seconds: float) -> None:
        """So many seconds pass, or `waiting` has its result before."""
        over: Deferred[None] = Deferred()
        timer = SystemClock().later(seconds, over.callback, None)

        def done(result: Any) -> Any:
            if timer.active():
                timer.cancel()
                over.callback(None)
            return result

        waiting.addBoth(done)
        await over

    def asked(self, person: Person = PERSON, seconds: float = 30.0) -> Asked:
        return Asked(person, not person.account.startswith("?"), "192.0.2.7", "imap", "Phone", "l1", seconds)

    # -- asking, and what came of it
    async def result(self, work: Any, seconds: float = GRACE) -> Any:
        """What it returns, or the failure, within so many seconds."""
        begun = started(work)
        results: list[Any] = []
        begun.addBoth(results.append)
        if not results:
            await self.wait(begun, seconds)
        if not results:
            begun.cancel()
            self.fail("no answer in time")
        return results[0]

    async def assertAway(self, work: Any) -> None:
        """Never a wrong code, and never a fault: temporary."""
        result = await self.result(work)
        self.assertIsInstance(result, Failure)
        self.assertIsNotNone(result.check(LoginUnavailable), result)

    async def assertEnds(self, work: Any) -> None:
        """Called off while it waits, it ends at once."""
        begun = started(work)
        results: list[Any] = []
        begun.addBoth(results.append)
        await self.wait(begun, 0.2)
        self.assertEqual(results, [])
        begun.cancel()
        self.assertEqual(len(results), 1)
        self.assertIsNotNone(results[0].check(CancelledError))

    async def heard(self, work: Any) -> str:
        """All that the log and whoever listens to its steps are told meanwhile."""
        said: list[str] = []

        def note(event: dict[str, Any]) -> None:
            said.append(f"{formatEvent(event)} {event!r}")

        observed: Any = note
        globalLogPublisher.addObserver(observed)
        try:
            with steps_heard(said.append):
                result = await self.result(work)
        finally:
            globalLogPublisher.removeObserver(observed)
        if isinstance(result, Failure):
            said.append(f"{result.value} {result.value!r}")
        return "\n".join(said)

    def assertTellsNone(self, text: str, *secrets: str) -> None:
        for secret in (*secrets, *self.secrets()):
            self.assertNotIn(secret, text)
