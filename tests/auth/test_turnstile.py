"""Strings that nobody knows are judged a few at a time."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import TooManyAttempts
from mailtwist.auth.turnstile import AT_ONCE, LONGEST, Turnstile, become_known, is_stranger, stand_aside
from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock


class TurnstileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.turnstile = Turnstile(self.clock)
        self.begun: list[int] = []
        self.works: dict[int, Deferred[None]] = {}

    def come(self, *numbers: int, aside: bool = False) -> list[Deferred[None]]:
        return [started(self.work(number, aside)) for number in numbers]

    async def work(self, number: int, aside: bool) -> None:
        async with self.turnstile.turn():
            self.begun.append(number)
            if aside:
                stand_aside()
            self.works[number] = Deferred()
            await self.works[number]

    def turn_of_the_reactor(self) -> None:
        self.clock.advance(0)

    def test_so_many_are_at_work_and_others_wait(self) -> None:
        self.come(*range(AT_ONCE + 2))
        self.assertEqual(self.begun, [*range(AT_ONCE)])

    def test_who_came_first_is_next_in_another_turn_of_the_reactor(self) -> None:
        self.come(*range(AT_ONCE + 2))
        self.works[3].callback(None)
        self.assertEqual(len(self.begun), AT_ONCE)
        self.turn_of_the_reactor()
        self.assertEqual(self.begun[AT_ONCE:], [AT_ONCE])

    def test_a_failure_leaves_its_place_too(self) -> None:
        first, *_ = self.come(*range(AT_ONCE + 1))
        self.works[0].errback(KeyError("a bug"))
        self.failureResultOf(first, KeyError)
        self.turn_of_the_reactor()
        self.assertEqual(self.begun[-1], AT_ONCE)

    def test_who_waits_for_others_stands_aside(self) -> None:
        self.come(*range(3 * AT_ONCE), aside=True)
        self.assertEqual(len(self.begun), 3 * AT_ONCE)

    def test_a_place_is_left_once(self) -> None:
        """Who stood aside does not leave for somebody else when he ends."""
        self.come(0, aside=True)
        self.works[0].callback(None)
        self.come(*range(1, AT_ONCE + 2))
        self.turn_of_the_reactor()
        self.assertEqual(self.begun, [*range(AT_ONCE + 1)])

    def test_who_has_gone_while_he_waited_is_passed_over(self) -> None:
        waiting = self.come(*range(AT_ONCE + 3))[AT_ONCE:]
        waiting[0].cancel()
        self.failureResultOf(waiting[0], CancelledError)
        self.works[0].callback(None)
        self.come(99)
        self.turn_of_the_reactor()
        self.assertEqual(self.begun[AT_ONCE:], [AT_ONCE + 1])

    def test_all_have_their_turn(self) -> None:
        self.come(*range(5 * AT_ONCE))
        for number in range(5 * AT_ONCE):
            self.works[number].callback(None)
            self.turn_of_the_reactor()
        self.assertEqual(self.begun, [*range(5 * AT_ONCE)])

    def test_who_comes_too_late_is_told_to_come_again(self) -> None:
        late = self.come(*range(AT_ONCE + 1))[AT_ONCE]
        self.clock.advance(LONGEST + 1)
        self.works[0].callback(None)
        self.turn_of_the_reactor()
        trouble = self.failureResultOf(late, TooManyAttempts).value
        self.assertEqual(trouble.bucket, "waiting")
        self.come(99)
        self.assertEqual(self.begun[-1], 99)

    def test_a_stranger_is_one_until_he_is_known(self) -> None:
        told = [is_stranger()]

        async def work() -> None:
            async with self.turnstile.turn():
                told.append(is_stranger())
                become_known()
                told.append(is_stranger())

        self.successResultOf(started(work()))
        self.assertEqual([*told, is_stranger()], [False, True, False, False])
