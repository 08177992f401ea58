"""Waiting in line."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.queue import LineFull, Lines, WaitedLong
from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.lines = Lines(self.clock, 2, 3)

    def enter(self, key: str = "a", until: float = 5) -> Deferred[None]:
        return started(self.lines.enter(key, until))

    def test_who_comes_first_is_served_first(self) -> None:
        first, second, third, fourth = (self.enter() for _ in range(4))
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertNoResult(third)
        self.lines.leave("a")
        self.successResultOf(third)
        self.assertNoResult(fourth)
        self.lines.leave("a")
        self.successResultOf(fourth)

    def test_lines_have_nothing_to_do_with_each_other(self) -> None:
        self.enter()
        self.enter()
        self.assertNoResult(self.enter().addErrback(lambda failure: None))
        self.successResultOf(self.enter("b"))

    def test_a_line_is_not_too_long(self) -> None:
        for _ in range(5):
            self.enter().addErrback(lambda failure: None)
        self.failureResultOf(self.enter(), LineFull)

    def test_nobody_waits_for_ever(self) -> None:
        for _ in range(2):
            self.enter()
        waiting = self.enter()
        self.clock.advance(4.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.failureResultOf(waiting, WaitedLong)
        self.lines.leave("a")
        self.lines.leave("a")
        self.assertNotIn("a", self.lines)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_who_goes_away_leaves_the_turn_to_the_next(self) -> None:
        for _ in range(2):
            self.enter()
        gone, staying = self.enter(), self.enter()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.lines.leave("a")
        self.successResultOf(staying)
        for _ in range(2):
            self.lines.leave("a")
        self.assertNotIn("a", self.lines)

    def test_nobody_steps_in_before_those_who_wait(self) -> None:
        order: list[str] = []
        for _ in range(2):
            self.enter()

        def third(_: None) -> None:
            order.append("third")
            self.lines.leave("a")
            self.enter().addCallback(lambda _: order.append("late"))

        self.enter().addCallback(third)
        self.enter().addCallback(lambda _: order.append("fourth"))
        self.lines.leave("a")
        self.assertEqual(order, ["third", "fourth"])
        self.lines.leave("a")
        self.assertEqual(order, ["third", "fourth", "late"])

    def test_a_long_line_that_moves_up_at_once_is_no_deep_stack(self) -> None:
        lines = Lines(self.clock, 1, 10_000)
        done: list[int] = []

        async def pass_by(number: int) -> None:
            await lines.enter("a", 5)
            done.append(number)
            lines.leave("a")

        started(lines.enter("a", 5))
        for number in range(10_000):
            started(pass_by(number))
        lines.leave("a")
        self.assertEqual(done, list(range(10_000)))
        self.assertNotIn("a", lines)

    def test_news_reach_who_is_at_the_head(self) -> None:
        self.enter()
        news = started(self.lines.news("a", 5))
        self.assertNoResult(news)
        self.lines.tell("b")
        self.assertNoResult(news)
        self.lines.tell("a")
        self.successResultOf(news)

    def test_without_news_it_is_looked_for_them_a_few_times_a_second(self) -> None:
        self.enter()
        news = started(self.lines.news("a", 5))
        self.clock.advance(0.1)
        self.assertNoResult(news)
        self.clock.advance(0.16)
        self.successResultOf(news)
        self.clock.advance(5)
        self.failureResultOf(started(self.lines.news("a", 5)), WaitedLong)
