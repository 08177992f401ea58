"""A coroutine goes on when it is called."""

from contextvars import ContextVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.driven import Driven, Wait
from mailtwist.kit.spawn import started

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Going(SynchronousTestCase):
    def setUp(self) -> None:
        self.did: list[object] = []
        self.failed: list[Failure] = []
        self.wait = Wait()
        self.later: Deferred[str] = Deferred()

    def begun(self) -> Driven:
        async def work() -> None:
            WHO.set("me")
            try:
                await self.wait
                self.did.append(await self.later)
            except (CancelledError, ValueError) as error:
                self.did.append(type(error))
            self.did.append(WHO.get())
            await self.wait
            raise ZeroDivisionError

        driven = Driven(work(), self.failed.append)
        driven.go_on()
        return driven

    def test_it_waits_for_calls_and_for_deferreds(self) -> None:
        driven = self.begun()
        self.assertTrue(driven.waits_for(self.wait))
        driven.go_on()
        self.assertFalse(driven.waits_for(self.wait))
        self.later.callback("came")
        self.assertEqual(self.did, ["came", "me"])
        self.assertEqual(WHO.get(), "nobody")
        driven.go_on()
        self.assertTrue(self.failed[0].check(ZeroDivisionError))

    def test_what_a_deferred_fails_with_is_raised(self) -> None:
        self.begun().go_on()
        self.later.errback(ValueError())
        self.assertEqual(self.did, [ValueError, "me"])

    def test_it_is_cancelled_where_it_waits(self) -> None:
        for steps in (0, 1):
            self.did, self.later = [], Deferred()
            driven = self.begun()
            for _ in range(steps):
                driven.go_on()
            driven.cancel()
            self.assertEqual(self.did, [CancelledError, "me"])

    def test_for_others_a_wait_is_a_deferred(self) -> None:
        async def other() -> str:
            await self.wait
            return "done"

        done = started(other())
        self.assertNoResult(done)
        self.wait.callback(None)
        self.assertEqual(self.successResultOf(done), "done")

    def test_what_is_over_cannot_be_cancelled(self) -> None:
        driven = self.begun()
        driven.cancel()
        driven.go_on()
        driven.cancel()
        self.assertEqual(len(self.failed), 1)
