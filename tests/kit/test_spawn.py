"""Coroutines that are left alone: what fails is seen, what is no bug is not taken for one."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import spawn, started, uninterrupted
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
