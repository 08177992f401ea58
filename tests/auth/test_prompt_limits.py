"""How often a person is asked, over all processes."""

from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.auth.flight import LEASE
from mailtwist.auth.prompt_limits import LONGEST_PAUSE, PromptLimits
from mailtwist.config.limits import DAY, MINUTE, LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.state.process import keys
from mailtwist.testing.clock import ManualClock
from tests.auth.house import House


class PromptLimitsTests(House):
    def setUp(self) -> None:
        super().setUp()
        self.one, self.other = (self.prompts() for _ in range(2))
        self.asked: list[Deferred[Any]] = []

    def prompts(self) -> PromptLimits:
        settings = LimitsSettings(prompts=Rate(3, 10 * MINUTE), prompts_long=Rate(5, DAY))
        return PromptLimits(self.volatile, keys(self.assembly), self.clock, settings)

    def ask(self, prompts: PromptLimits, account: str = "a1") -> Deferred[Any]:
        async def asking() -> Any:
            self.asked.append(Deferred())
            return await self.asked[-1]

        return started(prompts.asked(account, asking))

    def not_asked(self, prompts: PromptLimits, account: str = "a1") -> str:
        return str(self.failureResultOf(self.ask(prompts, account), LoginRefused).value.reason)

    def test_one_at_a_time_in_all_processes(self) -> None:
        first = self.ask(self.one)
        for seconds in (0, LEASE, 3 * LEASE):
            for _ in range(int(seconds)):
                self.clock.advance(1)
            self.assertEqual(self.not_asked(self.other), "asked-already")
        beside = self.ask(self.other, "a2")
        self.asked[0].callback("yes")
        self.assertEqual(self.successResultOf(first), "yes")
        again = self.ask(self.other)
        self.assertEqual(len(self.asked), 3)
        for one in (beside, again):
            one.cancel()
            self.failureResultOf(one)

    def test_what_was_no_yes_counts_in_all_processes(self) -> None:
        for number in range(3):
            waiting = self.ask((self.one, self.other)[number % 2])
            self.asked[-1].callback(None)
            self.assertIsNone(self.successResultOf(waiting))
        for prompts in (self.one, self.other):
            self.assertEqual(self.not_asked(prompts), "asked-enough")
        self.clock.advance(20 * MINUTE)
        self.ask(self.one)
        self.assertEqual(len(self.asked), 4)

    def test_a_yes_and_trouble_cost_nothing(self) -> None:
        for number in range(20):
            waiting = self.ask(self.one)
            if number % 2:
                self.asked[-1].callback("yes")
                self.successResultOf(waiting)
            else:
                self.asked[-1].errback(LoginUnavailable("away"))
                self.failureResultOf(waiting, LoginUnavailable)

    def test_who_leaves_has_asked(self) -> None:
        for _ in range(3):
            waiting = self.ask(self.one)
            waiting.cancel()
            self.failureResultOf(waiting)
        self.assertEqual(self.not_asked(self.one), "asked-enough")

    def test_pauses_grow_to_a_bound(self) -> None:
        pauses = []
        for _ in range(5):
            waiting = self.ask(self.one)
            self.asked[-1].callback(None)
            self.successResultOf(waiting)
            pauses.append(self.successResultOf(started(self.one.pause("a1"))))
            self.clock.advance(20 * MINUTE)
        self.assertEqual(pauses, [300, 600, 1200, 2400, 4800])
        self.assertLess(max(pauses), LONGEST_PAUSE)

    def test_a_process_that_died_keeps_nobody_from_being_asked(self) -> None:
        self.one._clock = ManualClock()  # no timer of it ends any more
        self.ask(self.one)
        self.clock.advance(LEASE)
        waiting = self.ask(self.other)
        self.assertNoResult(waiting)
        self.assertEqual(len(self.asked), 2)
