"""Coroutines that are left alone: what fails is seen, what is no bug is not taken for one."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import abreast, spawn, started, uninterrupted
from mailtwist.kit.trouble import Trouble


class Bug(Exception):
    pass


class LeftAlone(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def told(self, error: Exception) -> list[tuple[object, object]]:
        async def work() -> None:
            raise error

        self.assertIsNone(self.successResultOf(spawn(work(), "testing")))
        return [(event.get("event_id"), event["log_level"]) for event in self.events]

    def test_a_bug_is_a_failure(self) -> None:
        self.assertEqual(self.told(Bug()), [(None, LogLevel.critical)])
        self.assertEqual(len(self.flushLoggedErrors(Bug)), 1)

    def test_trouble_is_one_line(self) -> None:
        self.assertEqual(self.told(Trouble("4.3.1", "Full")), [("work.not_done", LogLevel.error)])

    def test_being_cancelled_is_nothing(self) -> None:
        self.assertEqual(self.told(CancelledError()), [])


class Uninterrupted(SynchronousTestCase):
    def setUp(self) -> None:
        self.gate: Deferred[str] = Deferred()
        self.did: list[str] = []
        self.waiting: list[Deferred[str]] = []

    async def work(self, gates: int = 1) -> str:
        for _ in range(gates):
            try:
                self.did.append(await self.gate)
            except ValueError:
                self.did.append("refused")
        return "done"

    def test_work_that_never_waits_is_done_at_once(self) -> None:
        done = started(uninterrupted(self.work(0), self.waiting.append))
        self.assertEqual(self.successResultOf(done), "done")
        self.assertEqual(self.waiting, [])

    def test_work_that_waits_goes_on(self) -> None:
        done = started(uninterrupted(self.work(2), self.waiting.append))
        self.assertNoResult(done)
        first, self.gate = self.gate, Deferred()
        first.callback("one")
        self.gate.errback(ValueError())
        self.assertEqual(self.successResultOf(done), "done")
        self.assertEqual(self.did, ["one", "refused"])
        self.assertEqual(len(self.waiting), 1)

    def test_who_is_called_off_does_not_call_it_off(self) -> None:
        done = started(uninterrupted(self.work()))
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.gate.callback("late")
        self.assertEqual(self.did, ["late"])

    def test_a_failure_comes_to_who_waits(self) -> None:
        async def fails() -> None:
            await self.gate
            raise ZeroDivisionError

        done = started(uninterrupted(fails()))
        self.gate.callback("")
        self.failureResultOf(done, ZeroDivisionError)

    def test_a_failure_that_nobody_waits_for_is_logged(self) -> None:
        async def fails() -> None:
            await self.gate
            raise ZeroDivisionError

        done = started(uninterrupted(fails()))
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.gate.callback("")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Abreast(SynchronousTestCase):
    def setUp(self) -> None:
        self.ends: list[str] = []
        self.one: Deferred[int] = Deferred(lambda gone: self.ends.append("one"))
        self.two: Deferred[int] = Deferred(lambda gone: self.ends.append("two"))

    def test_results_are_in_order(self) -> None:
        both = started(abreast(self.one, self.two))
        self.two.callback(2)
        self.assertNoResult(both)
        self.one.callback(1)
        self.assertEqual(self.successResultOf(both), [1, 2])

    def test_the_first_error_comes_after_all_have_ended(self) -> None:
        both = started(abreast(self.one, self.two))
        self.one.errback(Bug("one"))
        self.assertNoResult(both)
        self.two.errback(Bug("two"))
        self.assertEqual(str(self.failureResultOf(both, Bug).value), "one")

    def test_calling_it_off_calls_off_all(self) -> None:
        both = started(abreast(self.one, self.two))
        both.cancel()
        self.assertEqual(self.ends, ["one", "two"])
        self.failureResultOf(both, CancelledError)

    def test_whatever_had_failed_before(self) -> None:
        both = started(abreast(self.one, self.two))
        self.one.errback(Bug("one"))
        both.cancel()
        self.assertEqual(self.ends, ["two"])
        self.failureResultOf(both, CancelledError)
