"""Waiting, but not for ever."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.within import TooLate, pause, within
from mailtwist.testing.clock import ManualClock


class WithinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.called_off = False
        self.work: Deferred[str] = Deferred(self.off)
        self.waiting = started(within(self.clock, 10, self.doing()))

    def off(self, gone: Deferred[str]) -> None:
        self.called_off = True

    async def doing(self) -> str:
        return await self.work

    def test_what_is_done_in_time_comes_back(self) -> None:
        self.clock.advance(9)
        self.work.callback("done")
        self.assertEqual(self.successResultOf(self.waiting), "done")
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_what_fails_fails(self) -> None:
        self.work.errback(ValueError("no"))
        self.failureResultOf(self.waiting, ValueError)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_what_takes_longer_is_called_off(self) -> None:
        self.clock.advance(10)
        self.failureResultOf(self.waiting, TooLate)
        self.assertTrue(self.called_off)

    def test_who_gives_up_calls_it_off_and_is_not_told_that_it_was_late(self) -> None:
        self.waiting.cancel()
        self.failureResultOf(self.waiting, CancelledError)
        self.assertTrue(self.called_off)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_a_pause_ends_in_time_or_is_given_up(self) -> None:
        first, second = (started(pause(self.clock, 5)) for _ in range(2))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.clock.advance(4)
        self.assertNoResult(first)
        self.clock.advance(1)
        self.assertIsNone(self.successResultOf(first))
