"""Coroutines that are left alone: what fails is seen, what is no bug is not taken for one."""

from twisted.internet.defer import CancelledError
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import spawn
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
