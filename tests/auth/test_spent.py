"""Who goes on trying beyond a limit."""

from mailtwist.auth import spent
from mailtwist.auth.spent import FOR
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from tests.auth.limiting import KNOWN, LimitsCase


class SpentTests(LimitsCase):
    def test_who_goes_on_is_answered_without_asking_the_state(self) -> None:
        self.failures(6)
        first = self.denied()
        before = self.state.charges
        for _ in range(1000):
            again = self.denied()
        self.assertEqual(self.state.charges, before)
        self.assertEqual((again.bucket, again.retry), (first.bucket, first.retry))
        self.assertEqual(len(self.told("limits.denied")), 1001)

    def test_a_lock_that_is_lifted_ends_within_a_quarter_of_a_second(self) -> None:
        self.failures(6)
        self.denied()
        self.successResultOf(started(self.state.clear(list(self.keys()))))
        self.clock.advance(FOR)
        self.succeed()

    def keys(self) -> set[str]:
        return {key for key, _ in self.limits._spent._until}

    def test_others_are_asked_about(self) -> None:
        self.build(account=Rate(3, 3600))
        self.failures(9)
        self.denied("10.0.0.1")
        self.succeed("10.0.0.1", "a2")
        self.succeed("10.0.0.1", source=KNOWN)
        self.succeed("10.0.0.1", kind="device-code")

    def test_who_is_denied_takes_no_place_in_line(self) -> None:
        self.build(in_flight=1)
        self.failures(6)
        self.denied()
        self.admitted(account="a2")
        self.assertEqual(self.denied().bucket, "account_address")

    def test_one_that_would_cost_more_says_nothing_about_others(self) -> None:
        self.build(honeypot_cost=20)
        self.fail_one(account="a2", source=KNOWN)
        denied = self.denied(account="?1", known=False, login="admin")
        self.assertEqual(denied.bucket, "address")
        self.succeed(account="a3")

    def test_an_attack_from_everywhere_leaves_little_behind(self) -> None:
        self.build(account=Rate(1, 3600))
        self.patch(spent, "MOST", 50)
        for number in range(90):
            self.fail_one(f"10.0.{number}.1", f"a{number}")
            self.denied(f"10.0.{number}.1", f"a{number}")
        self.assertEqual(len(self.keys()), 50)
