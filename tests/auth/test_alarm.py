"""An attack on everybody, told by how much fails."""

from twisted.internet.defer import Deferred

from mailtwist.auth.alarm import THIS_WEEK, WEEK
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from tests.auth.limiting import KNOWN, LimitsCase
from tests.auth.test_limits import OPEN

HOUR, DAY = 3600, 86400
LIMITS = {**OPEN, "account_address": Rate(8, HOUR), "known": Rate(8, HOUR), "device_code": Rate(8, HOUR)}


class AlarmTests(LimitsCase):
    def setUp(self) -> None:
        super().setUp()
        self.accounts = 0
        self.build(**LIMITS)

    def fail_for(self, seconds: float, each_minute: float) -> None:
        """A new account and address each time."""
        count = round(seconds * each_minute / 60)
        for _ in range(count):
            self.accounts += 1
            number = self.accounts
            self.fail_one(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", f"x{number}")
            self.clock.advance(seconds / count)

    def alarms(self) -> int:
        return len(self.told("limits.alarm")) - len(self.told("limits.calm"))

    def test_many_failures_at_once_are_an_alarm_and_it_ends(self) -> None:
        self.fail_for(120, 50)
        self.assertEqual(self.alarms(), 0)
        self.fail_for(120, 120)
        self.assertEqual(self.alarms(), 1)
        self.fail_for(180, 20)
        self.assertEqual(self.alarms(), 0)
        (told,) = self.told("limits.alarm")
        self.assertGreater(told["failures"], 60)

    def test_new_places_have_half_the_limits_and_nobody_else(self) -> None:
        self.fail_for(120, 120)
        self.assertEqual(self.failures(20), 4)
        self.assertEqual(self.failures(20, "192.0.2.9", source=KNOWN), 8)
        self.assertEqual(self.failures(20, "192.0.2.10", "a2", kind="device-code"), 8)

    def test_the_long_budget_of_an_account_is_not_halved(self) -> None:
        self.build(**{**OPEN, "account_long": Rate(10, 30 * DAY)})
        self.fail_for(120, 120)
        self.assertEqual(self.failures(20), 10)

    def test_what_is_usual_is_learned_in_a_week(self) -> None:
        self.build(**LIMITS, alarm_least=2)
        for _ in range(7 * 24):
            self.fail_for(60, 10)
            self.clock.advance(HOUR - 60)
        usual = 10 / 60
        self.assertLess(abs(self.usual() - usual), usual / 4)

    def usual(self) -> float:
        return self.successResultOf(started(self.state.spent(THIS_WEEK, WEEK))) * 60 / WEEK

    def test_an_attack_does_not_become_usual_within_a_day(self) -> None:
        self.build(**LIMITS, alarm_least=5)
        for _ in range(24):
            self.fail_for(60, 300)
            self.clock.advance(HOUR - 60)
        self.assertLess(self.usual(), 0.05)
        self.fail_for(60, 300)
        self.assertEqual(self.alarms(), 1)

    def test_failures_of_all_processes_count_together(self) -> None:
        processes = (self.process(), self.process())
        for number in range(150):
            self.fail_one(f"10.0.{number}.1", f"x{number}", limits=processes[number % 2])
            self.clock.advance(0.75)
        self.assertTrue(all(one._alarm._sounding for one in processes))

    def test_an_old_alarm_says_nothing(self) -> None:
        self.fail_for(120, 120)
        self.clock.advance(HOUR)
        self.assertEqual(self.failures(20), 8)

    def test_the_numbers_are_those_that_are_set(self) -> None:
        for least in (10, 30, 200):
            self.build(**LIMITS, alarm_least=least)
            self.events.clear()
            self.fail_for(120, least * 0.8)
            self.assertEqual(self.alarms(), 0, least)
            self.fail_for(120, least * 1.8)
            self.assertEqual(self.alarms(), 1, least)
        for times in (2, 10):
            self.build(**LIMITS, alarm_least=1, alarm=times)
            self.events.clear()
            for _ in range(14):
                self.successResultOf(self.learn(12 * 60 * 12))
                self.clock.advance(DAY / 2)
            self.events.clear()
            self.fail_for(120, 12 * times * 0.6)
            self.assertEqual(self.alarms(), 0, times)
            self.fail_for(120, 12 * times * 1.8)
            self.assertEqual(self.alarms(), 1, times)

    def learn(self, failures: int) -> Deferred[None]:
        return started(self.limits._alarm._count(1, failures))
