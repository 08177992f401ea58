"""A directory that is away is left alone, and comes back by itself."""

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.breaker import DOUBTED, Breaker, Entry
from mailtwist.config.login import LoginSettings
from mailtwist.testing.clock import ManualClock


class BreakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[str] = []
        globalLogPublisher.addObserver(self._note)
        self.addCleanup(globalLogPublisher.removeObserver, self._note)
        self.clock = ManualClock()
        self.failed = 0
        self.breaker = Breaker("people", self.clock, LoginSettings())

    def _note(self, event: dict[str, Any]) -> None:
        if str(event.get("event_id")).startswith("directory."):
            self.events.append(event["event_id"])

    def enter(self, trusted: bool = False) -> Entry:
        return self.breaker.enter(trusted)

    def shut(self, trusted: bool = False) -> None:
        with self.assertRaises(LoginUnavailable) as raised:
            self.breaker.enter(trusted)
        self.assertEqual(raised.exception.reason, "directory-away")

    def fail(self, coded: bool = False, who: str = "") -> None:  # type: ignore[override]
        """For somebody else each time, unless it is said who."""
        self.failed += 1
        entry = self.enter()
        entry.away("no answer", coded, who or f"client {self.failed}")
        entry.left()

    def refuse(self, account: str) -> bool:
        entry = self.enter(True)
        believed = entry.refused(account)
        entry.left()
        return believed

    def test_it_opens_at_the_third_failure_in_a_row(self) -> None:
        self.fail()
        self.fail()
        self.enter().accepted()
        self.fail()
        self.fail()
        self.enter().refused("a1")
        self.fail()
        self.fail()
        self.assertEqual(self.events, [])
        self.fail()
        self.shut()
        self.shut(trusted=True)
        self.assertEqual(self.events, ["directory.away"])

    def test_one_client_alone_does_not_open_it(self) -> None:
        """A directory may choke on names, and a client may have a thousand."""
        for _ in range(100):
            self.fail(who="192.0.2.7/32")
        self.fail(who="192.0.2.8/32")
        self.assertEqual(self.events, [])
        self.fail(who="192.0.2.9/32")
        self.shut()

    def test_failures_far_apart_do_not_add_up(self) -> None:
        for _ in range(10):
            self.fail()
            self.clock.advance(31)
        self.assertEqual(self.events, [])

    def test_one_whose_code_was_right_opens_it_at_once(self) -> None:
        self.fail(coded=True)
        self.shut()

    def test_after_the_pause_one_of_each_kind_tries(self) -> None:
        self.fail(coded=True)
        self.clock.advance(4.9)
        self.shut()
        self.clock.advance(0.1)
        stranger, device = self.enter(), self.enter(True)
        self.shut()
        self.shut(trusted=True)
        stranger.left()
        stranger = self.enter()
        device.accepted()
        self.assertEqual(self.events, ["directory.away", "directory.back"])
        stranger.left()
        self.enter()
        self.enter()

    def test_whoever_left_without_asking_does_not_take_the_place_of_another(self) -> None:
        self.fail(coded=True)
        self.clock.advance(5)
        first = self.enter()
        first.left()
        self.enter()
        first.left()
        self.shut()

    def test_any_answer_closes_it(self) -> None:
        self.fail(coded=True)
        self.clock.advance(5)
        self.assertTrue(self.enter().refused("a1"))
        self.assertEqual(self.events, ["directory.away", "directory.back"])

    def test_each_failed_try_doubles_the_pause_up_to_a_minute(self) -> None:
        self.fail(coded=True)
        for pause in (5, 10, 20, 40, 60, 60):
            self.clock.advance(pause - 0.1)
            self.shut()
            self.clock.advance(0.1)
            self.fail()
        self.clock.advance(60)
        self.enter().accepted()
        self.fail(coded=True)
        self.clock.advance(5)
        self.enter()

    def test_who_asked_before_it_opened_counts_no_more(self) -> None:
        early = [self.enter() for _ in range(5)]
        for number, entry in enumerate(early[:3]):
            entry.away("no answer", False, str(number))
        self.clock.advance(5)
        probe = self.enter()
        early[3].away("no answer", True, "3")
        probe.accepted()
        self.assertEqual(self.events, ["directory.away", "directory.back"])

    def test_it_opens_when_everybody_is_refused(self) -> None:
        self.assertTrue(self.refuse("a1"))
        self.assertTrue(self.refuse("a1"))
        self.assertTrue(self.refuse("a2"))
        self.assertFalse(self.refuse("a3"))
        self.shut(trusted=True)
        self.assertEqual(self.events, ["directory.away"])

    def test_not_when_somebody_was_accepted_between(self) -> None:
        for account in ("a1", "a2", "a3", "a4", "a5", "a6"):
            self.assertTrue(self.refuse(account))
            if account in ("a2", "a4"):
                self.enter().accepted()

    def test_not_when_they_come_one_by_one(self) -> None:
        for account in ("a1", "a2", "a3", "a4", "a5", "a6"):
            self.assertTrue(self.refuse(account))
            self.clock.advance(31)

    def test_strangers_who_are_refused_say_nothing_about_it(self) -> None:
        for account in ("a1", "a2", "a3", "a4"):
            self.assertTrue(self.enter().refused(account))
        self.assertEqual(self.events, [])

    def everybody_is_refused(self) -> None:
        for account in ("a1", "a2", "a3"):
            self.refuse(account)

    def test_it_stays_open_until_somebody_is_accepted(self) -> None:
        self.everybody_is_refused()
        self.clock.advance(5)
        self.assertFalse(self.refuse("a4"))
        self.shut()
        self.clock.advance(10)
        stranger = self.enter()
        self.assertTrue(stranger.refused("a9"))  # a wrong password is no news
        stranger.left()
        self.enter().accepted()
        self.enter()
        self.enter()
        self.assertTrue(self.refuse("a1"))

    def test_after_an_hour_it_is_believed(self) -> None:
        self.everybody_is_refused()
        while self.events[-1] != "directory.back":
            self.clock.advance(60)
            self.refuse("a1")
        self.assertEqual(self.clock.seconds() // 60, DOUBTED // 60)
        for account in ("a1", "a2", "a3", "a4"):
            self.assertTrue(self.refuse(account))
        self.enter().accepted()
        self.refuse("a1")
        self.refuse("a2")
        self.assertFalse(self.refuse("a3"))

    # Somebody has a few accounts here, and saved strings with passwords that he has changed.
    def test_accounts_that_were_refused_before_say_nothing_new(self) -> None:
        """While it is doubted, they do not keep it shut for everybody else."""
        self.everybody_is_refused()
        self.assertEqual(self.events, ["directory.away"])
        self.clock.advance(5)
        for _ in range(10):
            for account in ("a1", "a2", "a3"):
                entry = self.enter(True)
                self.assertTrue(entry.is_old_news(account))
                self.assertFalse(entry.is_old_news("a4"))
                entry.left()
                stranger = self.enter()
                self.assertFalse(stranger.is_old_news(account))
                stranger.left()
                self.assertIs(self.refuse(account), False)
        self.assertEqual(self.events, ["directory.away"])
        self.enter(True).accepted()
        self.assertEqual(self.events, ["directory.away", "directory.back"])

    def test_they_are_asked_about_again_after_a_minute(self) -> None:
        self.everybody_is_refused()
        self.clock.advance(59.9)
        entry = self.enter(True)
        self.assertTrue(entry.is_old_news("a1"))
        self.clock.advance(0.1)
        self.assertFalse(entry.is_old_news("a1"))
        entry.accepted()
        self.assertFalse(entry.is_old_news("a2"))

    def test_one_more_that_is_refused_does(self) -> None:
        self.everybody_is_refused()
        self.clock.advance(5)
        self.assertIs(self.refuse("a4"), False)
        self.shut(trusted=True)
        self.assertEqual(self.events, ["directory.away"] * 2)
