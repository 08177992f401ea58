"""One password on many accounts."""

from typing import Any

from mailtwist.config.rate import Rate
from tests.auth.limiting import KNOWN, LimitsCase

HOUR, DAY = 3600, 86400
POPULAR, OTHER = b"Winter2026!", b"correct horse"


class SprayTests(LimitsCase):
    def spray(self, accounts: int, password: bytes = POPULAR, **more: Any) -> None:
        """In vain, from an address each."""
        for number in range(accounts):
            self.fail_one(f"10.0.{number}.1", f"s{number}", password=password, **more)

    def cost(self, password: bytes = POPULAR) -> int:
        """Of one failure, to its address."""
        self.fail_one("192.0.2.7", "b1", password=password)
        return 20 - self.failures(99, "192.0.2.7", "b2", source=KNOWN)

    def test_a_password_that_failed_on_ten_accounts_costs_ten_times_as_much(self) -> None:
        for password, cost in ((POPULAR, 10), (OTHER, 1)):
            self.build()
            self.spray(10)
            self.assertEqual(self.cost(password), cost)
        self.assertEqual([one["accounts"] for one in self.told("limits.hot")], [10, 10])

    def test_nine_accounts_or_one_often_are_no_spray(self) -> None:
        self.spray(9)
        for number in range(5):
            self.fail_one(f"10.1.{number}.1", "s1", password=POPULAR)
        self.fail_one("192.0.2.7", "b2", password=POPULAR, source=KNOWN)
        self.assertEqual(self.failures(99, "192.0.2.7", "b3", source=KNOWN), 19)
        self.assertEqual(self.told("limits.hot"), [])

    def test_the_accounts_that_are_sprayed_lose_no_more_for_it(self) -> None:
        self.spray(10)
        for number in range(20):
            self.fail_one(f"10.2.{number}.1", "victim", password=POPULAR)
        self.assertEqual(self.denied("10.3.0.1", "victim").bucket, "account")

    def test_an_account_whose_own_password_is_hot_gets_in(self) -> None:
        self.spray(10)
        for number in range(30):
            self.succeed("192.0.2.7", f"b{number}", password=POPULAR)

    def test_passwords_that_were_right_are_no_spray(self) -> None:
        for number in range(30):
            self.succeed(f"10.0.{number}.1", f"s{number}", password=POPULAR)
        self.fail_one("192.0.2.7", "b2", password=POPULAR)
        self.assertEqual(self.failures(99, "192.0.2.7", "b3", source=KNOWN), 19)

    def test_it_ends_by_itself_and_is_another_hash_the_next_day(self) -> None:
        self.clock.advance(DAY - self.clock.now() % DAY + HOUR)
        self.spray(10)
        (key,) = {key for key, _ in self.state.told}
        self.state.told.clear()
        self.clock.advance(DAY)
        self.assertEqual(self.cost(), 1)
        ((again, _),) = self.state.told
        hashes = [one.split(":")[1] for one in (key, again)]
        self.assertEqual([len(one) for one in hashes], [4, 4])
        self.assertNotEqual(*hashes)

    def test_the_numbers_are_those_that_are_set(self) -> None:
        for accounts, cost in ((2, 3), (5, 20), (20, 1)):
            self.build(spray=Rate(accounts, HOUR), spray_cost=cost)
            self.spray(accounts - 1)
            self.fail_one("192.0.2.7", "b2", password=POPULAR)
            self.fail_one("192.0.2.8", "b3", password=POPULAR)
            for address, lost in (("192.0.2.7", 1), ("192.0.2.8", cost)):
                self.assertEqual(self.failures(99, address, f"b{address}", source=KNOWN), 20 - lost)
