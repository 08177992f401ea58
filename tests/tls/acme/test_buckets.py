"""What an authority would refuse is not asked for, counted by all processes together."""

from dataclasses import replace

from twisted.trial.unittest import TestCase

from mailtwist.config.authority import AUTHORITIES, AuthoritySettings, HttpsUrl
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.buckets import Buckets, registered_domain
from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.world import DAY, HOUR, result

LETS = AUTHORITIES["letsencrypt"]
OURS = AuthoritySettings(directory=HttpsUrl("https://ca.example.org/"))


class BucketTests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.buckets = Buckets(MemoryStore(self.clock))

    def order(self, *names: str, replaces: bool = False, authority: AuthoritySettings = LETS) -> float:
        """0.0, and it was issued; else how long to wait."""
        try:
            result(self.buckets.must_have_room(authority, "account", names, replaces))
        except NotIssued as error:
            self.assertEqual(error.kind, "ourLimit")
            self.assertTrue(error.words)
            return error.retry_after or -1
        result(self.buckets.ordered(authority, "account", replaces))
        result(self.buckets.issued(authority, names, replaces))
        return 0.0

    def test_five_certificates_for_the_same_names_in_a_week(self) -> None:
        for _ in range(5):
            self.assertEqual(self.order("a.example.org", "b.example.org"), 0.0)
            self.clock.advance(HOUR)
        self.assertEqual(self.order("b.example.org", "a.example.org"), 7 * DAY - 5 * HOUR)
        self.assertEqual(self.order("a.example.org"), 0.0)
        self.clock.advance(7 * DAY - 5 * HOUR)
        self.assertEqual(self.order("a.example.org", "b.example.org"), 0.0)

    def test_fifty_certificates_below_a_registered_domain_in_a_week(self) -> None:
        for number in range(50):
            self.assertEqual(self.order(f"n{number}.example.org"), 0.0)
        self.assertEqual(self.order("other.example.org"), 7 * DAY)
        self.assertEqual(self.order("other.example.com"), 0.0)

    def test_three_hundred_orders_in_three_hours(self) -> None:
        for number in range(300):
            self.assertEqual(self.order(f"n.example{number}.org"), 0.0)
        self.assertEqual(self.order("one.more.example"), 3 * HOUR)

    def test_what_replaces_a_certificate_counts_for_nothing(self) -> None:
        for _ in range(400):
            self.assertEqual(self.order("a.example.org", replaces=True), 0.0)
        self.assertEqual(self.order("a.example.org"), 0.0)

    def test_five_failed_proofs_of_a_name_in_an_hour_stop_also_what_replaces(self) -> None:
        for _ in range(5):
            self.assertEqual(self.order("a.example.org", replaces=True), 0.0)
            result(self.buckets.failed(LETS, "account", ["a.example.org"]))
        self.assertEqual(self.order("*.a.example.org", "a.example.org", replaces=True), HOUR)
        self.assertEqual(self.order("b.example.org"), 0.0)
        self.clock.advance(HOUR)
        self.assertEqual(self.order("a.example.org", replaces=True), 0.0)

    def test_ten_accounts_in_three_hours(self) -> None:
        for _ in range(10):
            result(self.buckets.account(LETS))
        error = self.assertRaises(NotIssued, result, self.buckets.account(LETS))
        self.assertEqual((error.kind, error.retry_after), ("ourLimit", 3 * HOUR))

    def test_an_authority_of_our_own_has_no_limits_unless_they_are_written(self) -> None:
        for _ in range(400):
            self.assertEqual(self.order("a.example.org", authority=OURS), 0.0)
            result(self.buckets.failed(OURS, "account", ["a.example.org"]))
            result(self.buckets.account(OURS))
        written = replace(OURS, duplicates=LETS.duplicates)
        for _ in range(5):
            self.order("a.example.org", authority=written)
        self.assertGreater(self.order("a.example.org", authority=written), 0)

    def test_each_authority_counts_for_itself(self) -> None:
        for _ in range(5):
            self.order("a.example.org")
        self.assertEqual(self.order("a.example.org", authority=AUTHORITIES["letsencrypt-staging"]), 0.0)


class RegisteredDomainTests(TestCase):
    def test_domains_as_people_register_them(self) -> None:
        for name, domain in (
            ("mail.example.org", "example.org"),
            ("example.org", "example.org"),
            ("*.example.org", "example.org"),
            ("a.b.c.example.org", "example.org"),
            ("mail.example.co.uk", "example.co.uk"),
            ("example.com.au", "example.com.au"),
            ("com.au", "com.au"),
            ("mail.example.de", "example.de"),
            ("x.me.example.de", "example.de"),
            ("localhost", "localhost"),
        ):
            self.assertEqual(registered_domain(name), domain)
