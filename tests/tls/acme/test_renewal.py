"""Certificates over months: ordered when it is time, from whoever issues, never in a storm."""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from mailtwist.kit.events import Event
from mailtwist.tls import ending
from mailtwist.tls.acme import renewal
from mailtwist.tls.acme.ari import Renewal as Window
from mailtwist.tls.acme.problem import NotIssued
from tests.hearing import heard
from tests.tls.acme.world import DAY, HOST, HOUR, MINUTE, Simulated, WithWorld, result

NOT_PROVEN = NotIssued("connection", "nobody answers at port 80")
BROKEN = NotIssued("serverInternal", "it is broken")


class LifeTests(WithWorld):
    """No certificate ever ends, and none is renewed much too early."""

    def lived(self, life: float, years: float = 0.5) -> list[float]:
        """The ages at which certificates were renewed, as shares of their life."""
        self.ca.life = life
        world = self.world()
        left = years * 365 * DAY
        while left > 0:
            world.pass_time(HOUR, 10 * MINUTE)
            kept = world.kept()
            assert kept is not None
            self.assertFalse(kept.bundle.expired(self.clock.now()))
            left -= HOUR
        times = [when for when, *_ in self.ca.made]
        return [(b - a) / life for a, b in zip(times, times[1:], strict=False)]

    def test_90_days_are_renewed_after_two_thirds(self) -> None:
        ages = self.lived(90 * DAY)
        self.assertEqual(len(ages), 2)
        for age in ages:
            self.assertTrue(2 / 3 <= age <= 0.71, age)

    def test_45_days_too(self) -> None:
        ages = self.lived(45 * DAY)
        self.assertEqual(len(ages), 5)
        for age in ages:
            self.assertTrue(2 / 3 <= age <= 0.71, age)
        self.assertGreater(len({round(age, 4) for age in ages}), 1)

    def test_6_days_are_renewed_after_half(self) -> None:
        ages = self.lived(160 * HOUR, 0.2)
        self.assertGreater(len(ages), 19)
        for age in ages:
            self.assertTrue(0.5 <= age <= 0.56, age)


class WindowTests(WithWorld):
    def suggest(self, start: float, end: float, again: float = 6 * HOUR) -> None:
        self.ca.window = lambda certificate: Window(start, end, "", self.clock.now() + again)

    def test_a_moment_in_the_window_is_picked_and_kept(self) -> None:
        begin = self.clock.now()
        self.suggest(begin + 40 * DAY, begin + 42 * DAY)
        world = self.world()
        world.pass_time(DAY)
        due = result(world.store.note(HOST, "EC")).due
        self.assertTrue(begin + 40 * DAY <= due <= begin + 42 * DAY)
        world.pass_time(10 * DAY, HOUR)
        self.assertEqual(result(world.store.note(HOST, "EC")).due, due)
        self.ca.window, first = lambda c: first(c) if len(self.ca.made) == 1 else None, self.ca.window
        world.pass_time(32 * DAY, HOUR)
        self.assertEqual(len(self.ca.made), 2)

    def test_a_restart_picks_nothing_anew_and_orders_nothing(self) -> None:
        begin = self.clock.now()
        self.suggest(begin + 40 * DAY, begin + 42 * DAY)
        world = self.world()
        world.pass_time(DAY)
        due = result(world.store.note(HOST, "EC")).due
        result(world.renewal.stop())
        for seed in range(2, 6):
            again = self.world(store=world.store, seed=seed)
            again.pass_time(DAY)
            self.assertEqual(result(again.store.note(HOST, "EC")).due, due)
            result(again.renewal.stop())
        self.assertEqual(len(self.ca.tried), 1)

    def test_a_window_that_moves_into_the_past_renews_at_once(self) -> None:
        begin = self.clock.now()
        self.suggest(begin + 40 * DAY, begin + 42 * DAY)
        world = self.world()
        world.pass_time(5 * DAY, HOUR)
        self.suggest(begin - 2 * DAY, begin - DAY)
        self.ca.window, old = lambda c: old(c) if len(self.ca.made) == 1 else None, self.ca.window
        world.pass_time(7 * HOUR)
        self.assertEqual(len(self.ca.made), 2)
        self.assertIsNotNone(self.ca.made[1][2])
        world.pass_time(10 * DAY, HOUR)
        self.assertEqual(len(self.ca.made), 2)

    def test_an_authority_that_wants_each_renewed_at_once_is_no_storm(self) -> None:
        """Nor is a clock that is months ahead."""
        begin = self.clock.now()
        self.suggest(begin - 2 * DAY, begin - DAY)
        world = self.world()
        world.pass_time(10 * HOUR, 5 * MINUTE)
        self.assertTrue(5 <= len(self.ca.made) <= 11, len(self.ca.made))

    def test_the_authority_is_asked_again_when_it_says_and_not_after_the_end(self) -> None:
        begin = self.clock.now()
        self.suggest(begin + 60 * DAY, begin + 61 * DAY, again=2 * DAY)
        world = self.world()
        world.pass_time(10 * DAY, HOUR)
        self.assertTrue(5 <= len(self.ca.asked) <= 6, self.ca.asked)
        self.ca.fails = lambda names: NOT_PROVEN
        world.pass_time(90 * DAY, 3 * HOUR)
        self.assertLess(max(self.ca.asked), begin + 90 * DAY)

    def test_an_authority_cannot_put_it_off_until_it_is_too_late(self) -> None:
        begin = self.clock.now()
        self.suggest(begin + 300 * DAY, begin + 301 * DAY)
        world = self.world()
        world.pass_time(70 * DAY, HOUR)
        self.assertEqual(len(self.ca.made), 2)

    def test_an_authority_that_does_not_answer_is_asked_an_hour_later(self) -> None:
        def broken(certificate: object) -> Window | None:
            raise NotIssued("unreachable", "away")

        self.ca.window = broken
        world = self.world()
        world.pass_time(3 * HOUR + 15 * MINUTE)
        self.assertEqual(len(self.ca.asked), 4)


class FailureTests(WithWorld):
    def told(self, event: Event) -> Callable[[], list[str]]:
        events = heard(self)
        return lambda: [str(one) for one in events if one["event_id"] == event.id]

    def test_a_proof_that_fails_is_tried_soon_then_rarely_and_never_given_up(self) -> None:
        self.ca.fails = lambda names: NOT_PROVEN
        world = self.world()
        world.pass_time(DAY, MINUTE)
        first = len(self.ca.tried)
        self.assertTrue(20 <= first <= 27, first)
        world.pass_time(31 * DAY, 10 * MINUTE)
        self.assertTrue(100 <= len(self.ca.tried) - first <= 125, len(self.ca.tried))
        before = len(self.ca.tried)
        world.pass_time(60 * DAY, HOUR)
        self.assertTrue(50 <= len(self.ca.tried) - before <= 60)
        self.ca.fails = lambda names: None
        world.pass_time(2 * DAY, HOUR)
        self.assertIsNotNone(world.kept())
        self.assertEqual(result(world.store.note(HOST, "EC")).failures, 0)

    def test_after_a_failed_proof_the_rehearsal_bears_the_failures(self) -> None:
        self.ca.staging = Simulated("staging", self.clock)
        self.ca.fails = self.ca.staging.fails = lambda names: NOT_PROVEN
        world = self.world()
        world.pass_time(10 * DAY, 10 * MINUTE)
        self.assertEqual(len(self.ca.tried), 1)
        self.assertGreater(len(self.ca.staging.tried), 20)
        self.ca.fails = self.ca.staging.fails = lambda names: None
        world.pass_time(DAY)
        self.assertEqual(len(self.ca.made), 1)

    def test_a_rehearsal_that_is_away_keeps_nobody_from_the_real_thing(self) -> None:
        self.ca.staging = Simulated("staging", self.clock, fails=lambda names: BROKEN)
        self.ca.fails = lambda names: NOT_PROVEN
        world = self.world()
        world.pass_time(2 * MINUTE)
        self.ca.fails = lambda names: None
        world.pass_time(HOUR)
        self.assertIsNotNone(world.kept())

    def test_one_dead_name_holds_up_no_other(self) -> None:
        self.ca.fails = lambda names: NOT_PROVEN if "dead.example.org" in names else None
        world = self.world(names=["dead.example.org", "live.example.org"])
        world.pass_time(DAY)
        self.assertIsNotNone(world.kept())
        self.assertIsNotNone(world.kept("live.example.org"))
        self.assertIsNone(world.kept("dead.example.org"))

    def test_names_whose_orders_hang_hold_up_no_other(self) -> None:
        hanging = [f"slow{number}.example.org" for number in range(3)]
        self.ca.delay = lambda names: Deferred(lambda d: None) if names[0] in hanging else None
        world = self.world(names=[*hanging, "live.example.org"])
        world.pass_time(HOUR)
        self.assertIsNotNone(world.kept("live.example.org"))
        self.ca.delay = lambda names: None
        world.pass_time(4 * HOUR)
        self.assertIsNotNone(world.kept("slow0.example.org"))

    def test_the_host_comes_first(self) -> None:
        world = self.world(names=["a.example.org", "b.example.org"])
        world.pass_time(MINUTE)
        self.assertEqual([names[0] for _, names in self.ca.tried][0], HOST)

    def test_less_than_a_quarter_of_life_is_said_aloud_each_day(self) -> None:
        told = self.told(ending.ENDS_SOON)
        world = self.world()
        self.ca.fails = lambda names: NOT_PROVEN
        world.pass_time(67 * DAY, HOUR)
        self.assertEqual(len(told()), 0)
        world.pass_time(5 * DAY, HOUR)
        self.assertTrue(4 <= len(told()) <= 5, told())
        self.assertIn("port 80", str(told()[-1]))

    def test_one_that_never_came_is_said_aloud_after_a_day(self) -> None:
        told = self.told(renewal.NO_CERTIFICATE)
        self.ca.fails = lambda names: NOT_PROVEN
        world = self.world()
        world.pass_time(DAY - HOUR)
        self.assertEqual(len(told()), 0)
        world.pass_time(3 * DAY, HOUR)
        self.assertEqual(len(told()), 3)


class OutageTests(WithWorld):
    def test_months_with_a_first_authority_that_is_often_away(self) -> None:
        second = Simulated("second", self.clock)
        begin = self.clock.now()

        def away(names: object) -> NotIssued | None:
            return BROKEN if (self.clock.now() - begin) // (20 * DAY) % 2 else None

        self.ca.fails = away
        world = self.world(second)
        for _ in range(200):
            world.pass_time(DAY, HOUR)
            kept = world.kept()
            assert kept is not None
            self.assertGreater(kept.bundle.not_after - self.clock.now(), 20 * DAY)
        self.assertTrue(self.ca.made)
        self.assertTrue(second.made)
        self.assertLess(len(self.ca.tried) + len(second.tried), 12)

    def test_after_an_outage_of_all_there_is_no_storm(self) -> None:
        world = self.world(names=[f"n{number}.example.org" for number in range(20)])
        world.pass_time(HOUR)
        self.ca.fails = lambda names: BROKEN
        tried = len(self.ca.tried)
        self.assertEqual(tried, 21)
        world.pass_time(65 * DAY, HOUR)
        outage = len(self.ca.tried) - tried
        self.assertLess(outage, 200)
        self.ca.fails = lambda names: None
        world.pass_time(2 * DAY, 10 * MINUTE)
        for number in range(20):
            kept = world.kept(f"n{number}.example.org")
            assert kept is not None
            self.assertGreater(kept.bundle.not_after, self.clock.now() + 80 * DAY)

    def test_a_clock_that_jumps_ahead_renews_what_is_due_then(self) -> None:
        world = self.world()
        world.pass_time(DAY, HOUR)
        self.clock._begin += 80 * DAY
        world.pass_time(11 * MINUTE, MINUTE)
        self.assertEqual(len(self.ca.made), 2)

    def test_a_clock_that_was_ahead_for_a_while_puts_nothing_off(self) -> None:
        self.ca.fails = lambda names: NOT_PROVEN
        self.clock._begin += 1000 * DAY
        world = self.world()
        world.pass_time(DAY)
        self.clock._begin -= 1000 * DAY
        self.ca.fails = lambda names: None
        world.pass_time(11 * MINUTE, MINUTE)
        self.assertIsNotNone(world.kept())
