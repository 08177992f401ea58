"""Who is kept out by an admin."""

from ipaddress import ip_network

from mailtwist.auth.api import LoginUnavailable, TooManyAttempts
from mailtwist.auth.bans import covering, subject_of
from mailtwist.kit.spawn import started
from mailtwist.state.records import Ban
from tests.auth.limiting import LimitsCase


class BanTests(LimitsCase):
    def kept_out(self, account: str = "a1", address: str = "192.0.2.7") -> TooManyAttempts | None:
        waiting = started(self.limits.let_in(account, address))
        found: list[TooManyAttempts] = []
        waiting.addErrback(lambda failure: found.append(failure.value))
        self.successResultOf(waiting)
        return found[0] if found else None

    def ban(self, subject: str, seconds: float = 3600) -> None:
        self.admin.ban(subject, self.clock.now() + seconds)
        self.clock.advance(0.25)

    def test_an_account_is_kept_out_wherever_it_comes_from(self) -> None:
        self.ban("account a1")
        for address in ("192.0.2.7", "2001:db8::1", "", "nonsense"):
            banned = self.kept_out(address=address)
            self.assertIsInstance(banned, LoginUnavailable)
            self.assertEqual((banned and banned.reason, banned and banned.bucket), ("banned", "banned"))
        self.assertIsNone(self.kept_out("a2"))

    def test_everybody_from_a_network_is_kept_out(self) -> None:
        self.ban("network 192.0.2.0/24")
        self.ban("network 2001:db8::/32")
        self.ban("address 198.51.100.7/32")
        self.ban("address 2001:dead:0:1::/64")
        for address in (
            *("192.0.2.7", "::ffff:192.0.2.255", "2001:db8:9::1", "198.51.100.7"),
            *("2001:dead:0:1:2:3:4:5", "2001:dead:0:1::7%eth0"),
        ):
            self.assertIsNotNone(self.kept_out(address=address), address)
        for address in ("192.0.3.7", "2001:db9::1", "198.51.100.8", "2001:dead:0:2::1", ""):
            self.assertIsNone(self.kept_out(address=address), address)

    def test_everybody_is_everybody(self) -> None:
        self.ban("network 0.0.0.0/0")
        self.assertIsNotNone(self.kept_out())
        self.assertIsNone(self.kept_out(address="2001:db8::1"))

    def test_it_ends_by_itself_and_says_when(self) -> None:
        self.ban("account a1", 100)
        banned = self.kept_out()
        self.assertAlmostEqual(banned.retry if banned else 0, 99.75)
        self.clock.advance(100)
        self.assertIsNone(self.kept_out())

    def test_of_several_the_one_that_ends_last_is_told(self) -> None:
        self.ban("account a1", 100)
        self.ban("network 192.0.2.0/24", 1000)
        self.kept_out()
        (told,) = self.told("limits.banned")
        self.assertEqual((told["subject"], told["retry"]), ("network 192.0.2.0/24", 1000))

    def test_a_change_counts_within_a_quarter_of_a_second(self) -> None:
        self.assertIsNone(self.kept_out())
        self.ban("account a1")
        self.assertIsNotNone(self.kept_out())
        self.admin.there.clear()
        self.admin.number += 1
        self.clock.advance(0.25)
        self.assertIsNone(self.kept_out())

    def test_they_are_read_when_something_has_changed_and_not_for_every_login(self) -> None:
        for _ in range(1000):
            self.kept_out()
            self.clock.advance(0.01)
        self.assertEqual(self.admin.read, 1)
        for _ in range(1000):
            self.admin.number += 1
            self.kept_out()
            self.clock.advance(0.01)
        self.assertLess(self.admin.read, 45)

    def test_what_is_used_up_keeps_nobody_out_here(self) -> None:
        self.failures(9)
        self.denied()
        self.assertIsNone(self.kept_out())

    def test_networks_have_names(self) -> None:
        for net, subject in (
            ("192.0.2.7/32", "address 192.0.2.7/32"),
            ("192.0.2.0/24", "network 192.0.2.0/24"),
            ("2001:db8::/64", "address 2001:db8::/64"),
            ("2001:db8::/48", "network 2001:db8::/48"),
        ):
            self.assertEqual(subject_of(ip_network(net)), subject)

    def test_what_covers_a_network(self) -> None:
        bans = [
            Ban(subject, "", 0)
            for subject in (
                "account 192.0.2.7/32",
                "address 192.0.2.7/32",
                "network 192.0.2.0/24",
                "network 192.0.0.0/16",
                "network ::/0",
                "network nonsense",
            )
        ]
        found = [ban.subject for ban in covering(bans, ip_network("192.0.2.7/32"))]
        self.assertEqual(found, ["network 192.0.2.0/24", "network 192.0.0.0/16"])
