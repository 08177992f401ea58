"""Limits: what is counted, for whom, and what becomes of it."""

import sys
from unittest.mock import patch

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.fields import fields_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from tests.auth.limiting import KNOWN, TRUSTED, LimitsCase

MINUTE, HOUR, DAY = 60, 3600, 86400
WIDE = Rate(1 << 20, HOUR)
OPEN = {
    name: WIDE
    for name in (
        *("address", "address_long", "network", "account_address", "account", "account_long"),
        *("known", "known_long", "device_code", "recovery", "token"),
    )
}


class BucketTests(LimitsCase):
    def test_six_for_an_account_from_an_address_in_a_quarter_of_an_hour(self) -> None:
        self.assertEqual(self.failures(10), 6)
        denied = self.denied()
        self.assertEqual((denied.bucket, denied.reason), ("account_address", "too-many-attempts"))
        self.assertGreater(denied.retry, 0)
        self.succeed("192.0.2.8")
        self.succeed(account="a2")
        self.clock.advance(30 * MINUTE)
        self.succeed()

    def test_twenty_from_an_address_for_all_accounts_together(self) -> None:
        self.build(network=WIDE)
        for number in range(20):
            self.fail_one(account=f"a{number}")
        self.assertEqual(self.denied(account="b").bucket, "address")
        self.assertEqual(self.denied(account="b", source=KNOWN).bucket, "address")
        self.succeed("192.0.2.8", account="b")

    def test_a_hundred_from_an_address_in_a_day(self) -> None:
        self.build(network=WIDE)
        count = 0
        while count < 300 and self.failures(1, account=f"a{count}"):
            count += 1
            self.clock.advance(2 * MINUTE)
        self.assertEqual(count, 100)
        self.assertEqual(self.denied().bucket, "address_long")

    def test_thirty_accounts_from_a_network_in_an_hour(self) -> None:
        for number in range(30):
            self.fail_one(f"192.0.2.{number}", f"a{number}")
        self.assertEqual(self.denied("192.0.2.99", "b").bucket, "network")
        self.succeed("192.0.2.99", "b", source=KNOWN)
        self.succeed("192.0.3.1", "b")

    def test_a_network_fails_with_an_account_once_however_often_it_does(self) -> None:
        self.build(**{**OPEN, "network": Rate(3, HOUR)})
        for number in range(20):
            self.fail_one(f"192.0.2.{number}", "a1")
        self.fail_one("192.0.2.1", "a2")
        self.fail_one("192.0.2.1", "a3")
        self.assertEqual(self.denied("192.0.2.1", "a4").bucket, "network")
        self.fail_one("192.0.2.1", "a3")

    def test_twenty_for_an_account_from_everywhere_in_an_hour(self) -> None:
        for number in range(20):
            self.fail_one(f"10.0.{number}.1")
        denied = self.denied("10.9.9.9")
        self.assertEqual(denied.bucket, "account")
        self.succeed("10.9.9.9", source=KNOWN)
        self.succeed("10.9.9.9", account="a2")

    def test_a_hundred_for_an_account_in_thirty_days_then_device_codes_only(self) -> None:
        count = 0
        while count < 500 and self.failures(1, f"10.{count // 250}.{count % 250}.1"):
            count += 1
            self.clock.advance(4 * MINUTE)
        self.assertEqual(count, 100)
        self.assertEqual(self.denied("10.9.9.9").bucket, "account_long")
        self.succeed("10.9.9.9", kind="device-code")
        self.succeed("10.9.9.9", kind="recovery")
        self.succeed("10.9.9.9", source=KNOWN)
        self.assertEqual(self.denied("10.9.9.9", kind="").bucket, "account_long")

    def test_known_networks_have_a_budget_of_their_own(self) -> None:
        self.build(address=WIDE)
        self.assertEqual(self.failures(40, source=KNOWN), 30)
        self.assertEqual(self.denied(source=KNOWN).bucket, "known")
        self.succeed()

    def test_a_carrier_is_a_known_network_to_who_sits_behind_it(self) -> None:
        self.build(address=WIDE, address_long=WIDE)
        count = 0
        while count < 500 and self.failures(1, source=KNOWN):
            count += 1
            self.clock.advance(3 * MINUTE)
        self.assertEqual(count, 100)
        self.assertEqual(self.denied(source=KNOWN).bucket, "known_long")

    def test_codes_that_cannot_be_guessed_are_bounded_all_the_same(self) -> None:
        for kind, name in (("device-code", "device_code"), ("recovery", "recovery")):
            for source in (KNOWN, None):
                more = {"kind": kind, **({"source": source} if source else {})}
                self.build(**{**OPEN, name: Rate(4, HOUR)})
                self.assertEqual(self.failures(9, **more), 4)
                self.assertEqual(self.denied(**more).bucket, name)
                self.succeed()

    def test_a_device_is_never_limited(self) -> None:
        self.failures(10)
        for _ in range(300):
            self.fail_one(source=TRUSTED)
        self.assertEqual(self.state.charges, 7)

    def test_what_is_tried_on_somebody_elses_device_code_does_not_stop_the_owner_at_home(self) -> None:
        self.build(**{**OPEN, "device_code": Rate(4, HOUR)})
        self.failures(9, kind="device-code")
        self.succeed(kind="device-code", source=KNOWN)

    def test_a_name_that_nobody_has_is_counted_like_one_that_somebody_has(self) -> None:
        for address in range(4):
            seen = [
                self.failures(9, f"10.0.{address}.1", account=account, known=known)
                for account, known in (("a1", True), ("?b", False))
            ]
            self.assertEqual(*seen)
        self.assertEqual(self.denied("10.9.9.9", "a1").retry, self.denied("10.9.9.9", "?b").retry)


class PlaceTests(LimitsCase):
    def test_spellings_of_an_address_are_one(self) -> None:
        """Seed defect 9."""
        spelled = ["::ffff:192.0.2.7", "192.0.2.7", "::ffff:c000:207", "192.0.2.7", "::FFFF:192.0.2.7"]
        for address in spelled:
            self.fail_one(address)
        self.assertEqual(self.failures(9, "192.0.2.7"), 1)

    def test_an_ipv6_subscriber_is_one_client_and_a_site_one_network(self) -> None:
        """Seed defect 9."""
        self.assertEqual(sum(self.failures(1, f"2001:db8:0:1::{number:x}") for number in range(1, 20)), 6)
        self.build(**{**OPEN, "network": Rate(30, HOUR)})
        for number in range(30):
            self.fail_one(f"2001:db8:0:{number:x}::1", f"a{number}")
        self.assertEqual(self.denied("2001:db8:0:ffff::1", "b").bucket, "network")
        self.succeed("2001:db8:1::1", "b")

    def test_without_an_address_accounts_alone_are_limited(self) -> None:
        self.assertEqual(self.failures(30, ""), 20)
        self.assertEqual(self.denied("nonsense").bucket, "account")
        self.succeed("", account="a2")

    def test_what_can_be_nobodys_name_is_charged_to_its_address_alone(self) -> None:
        self.assertEqual(self.failures(30, account="", known=False, login=""), 20)
        self.assertEqual(self.denied(account="", known=False, login="").bucket, "address")
        self.assertEqual(self.failures(200, "", "", known=False, login=""), 200)

    def test_trusted_networks_are_free_of_the_limits_of_addresses_only(self) -> None:
        self.build(trusted="192.0.2.0/24")
        waiting = [self.begin(account=f"a{number}") for number in range(200)]
        for one in waiting:
            self.successResultOf(started(self.successResultOf(one).failed()))
        self.assertEqual(self.failures(9, account="b"), 6)
        self.assertEqual(self.denied(account="b").bucket, "account_address")


class EndTests(LimitsCase):
    def test_a_success_takes_back_its_own_charge_and_nothing_else(self) -> None:
        """Seed defect 5."""
        for _ in range(5):
            self.fail_one()
        for _ in range(50):
            self.succeed()
        self.assertEqual(self.failures(9), 1)
        self.succeed("192.0.2.7", "attackers-own")
        self.assertEqual(self.denied().bucket, "account_address")

    def test_counts_end_by_themselves_however_many_there_were(self) -> None:
        """Seed defects 1 and 2."""
        for _ in range(3):
            self.assertEqual(self.failures(30), 6)
            for _ in range(100):
                self.denied()
            self.clock.advance(31 * MINUTE)
        self.succeed()

    def test_who_touches_a_locked_account_is_not_banned_for_it(self) -> None:
        """Seed defect 3."""
        for number in range(20):
            self.fail_one(f"10.0.{number}.1", "ceo")
        for _ in range(500):
            self.denied("192.0.2.7", "ceo")
        self.assertEqual(self.failures(99, "192.0.2.7", "neighbour", source=KNOWN), 20)

    def test_an_attempt_that_was_denied_costs_nobody_anything(self) -> None:
        for _ in range(6):
            self.fail_one()
        for _ in range(100):
            self.denied()
        self.assertEqual(self.failures(99, account="a2", source=KNOWN), 14)

    def test_attempts_at_once_are_counted_before_they_are_judged(self) -> None:
        """Seed defect 4; f9.1."""
        waiting = [self.begin() for _ in range(200)]
        judged = [one for one in waiting if one.called]
        self.assertEqual(len(judged), 6)
        for one in judged:
            self.successResultOf(started(self.successResultOf(one).failed()))
        self.clock.advance(8)
        for one in waiting[6:]:
            self.assertIn(self.failureResultOf(one).value.bucket, ("account_address", "waiting"))

    def test_the_first_word_on_an_attempt_counts(self) -> None:
        admission = self.admitted()
        for word in (admission.failed, admission.forgiven, admission.failed):
            self.successResultOf(started(word()))
        self.assertEqual(self.failures(9), 5)
        admission = self.admitted("192.0.2.8")
        for word in (admission.forgiven, admission.failed):
            self.successResultOf(started(word()))
        self.assertEqual(self.failures(9, "192.0.2.8"), 6)

    def test_an_attempt_that_nobody_tells_the_end_of_has_failed(self) -> None:
        for _ in range(6):
            self.admitted()
        waiting = self.begin()
        self.assertNoResult(waiting)
        self.clock.advance(8)
        self.assertEqual(self.failureResultOf(waiting).value.bucket, "waiting")
        self.clock.advance(90)
        self.assertEqual(self.denied().bucket, "account_address")

    def test_a_state_that_is_away_is_told_as_temporary_and_ends_no_login(self) -> None:
        admission = self.admitted()

        async def away(*_: object) -> None:
            raise StateAway("gone")

        with patch.object(self.state, "refund", away), patch.object(self.state, "charge", away):
            self.assertEqual(self.failureResultOf(self.begin(), StateAway).value.status, "4.3.0")
            self.successResultOf(started(admission.forgiven()))
        self.assertEqual(len(self.told("limits.not_settled")), 1)
        self.assertEqual(self.limits._in_flight._lines, {})


class ToldTests(LimitsCase):
    def test_a_denial_is_an_event_with_all_that_is_to_know(self) -> None:
        self.failures(6)
        first, second = self.denied(), self.denied()
        self.assertEqual((first.began, second.began), (True, False))
        self.assertIsInstance(first, LoginUnavailable)
        self.assertEqual((first.status, first.public), ("4.7.0", "Temporary authentication failure"))
        told = self.told("limits.denied")
        self.assertEqual(len(told), 2)
        self.assertEqual(
            {name: told[0][name] for name in ("subject", "bucket", "account", "address")},
            {
                "subject": "account a1 from 192.0.2.7/32",
                "bucket": "account_address",
                "account": "a1",
                "address": "192.0.2.7",
            },
        )
        self.assertGreater(told[0]["retry"], 0)
        self.assertEqual(len(self.told("limits.locked")), 1)

    def test_what_is_used_up_is_in_the_list_of_bans_until_it_ends(self) -> None:
        for number in range(20):
            self.fail_one(f"10.0.{number}.1")
        retry = self.denied("10.9.9.9").retry
        (ban,) = self.successResultOf(started(self.state.bans()))
        self.assertEqual((ban.subject, ban.reason, ban.by), ("account a1", "account", ""))
        self.assertAlmostEqual(ban.until, self.clock.now() + retry)
        self.clock.advance(retry + 1)
        self.succeed("10.9.9.9")
        self.assertEqual(self.successResultOf(started(self.state.bans())), [])

    def test_nothing_of_a_password_is_in_what_is_told(self) -> None:
        attempt = self.attempt(password=b"hunter2")
        self.assertNotIn("hunter2", repr(attempt))


class HoneypotTests(LimitsCase):
    def test_a_name_that_only_attackers_try_costs_more(self) -> None:
        """Seed defect 10."""
        more = {"account": "?1", "known": False}
        for login in ("admin@example.org", "root"):
            self.fail_one(login=login, **more)
        self.assertEqual(self.failures(99, account="a2", source=KNOWN), 10)

    def test_one_slip_behind_a_shared_address_bans_nobody(self) -> None:
        """Seed defect 10."""
        self.fail_one(account="?1", known=False, login="admin")
        for number in range(15):
            self.succeed(account=f"a{number}")

    def test_a_name_that_somebody_has_is_no_honeypot(self) -> None:
        self.fail_one(login="admin@example.org")
        self.assertEqual(self.failures(99, account="a2", source=KNOWN), 19)

    def test_names_in_the_setting_are_compared_as_names_are(self) -> None:
        self.build(honeypots=("OPERATOR", "Sales@EXAMPLE.org"))
        for login, cost in (
            ("operator@example.com", 5),
            ("sales@example.org", 5),
            ("sales@example.com", 1),
            ("admin", 1),
        ):
            self.build(honeypots=("OPERATOR", "Sales@EXAMPLE.org"))
            self.fail_one(account="?1", known=False, login=login)
            self.assertEqual(self.failures(99, account="a2", source=KNOWN), 20 - cost, login)


class SettingTests(LimitsCase):
    """Each number of the table is the one that is set."""

    def sweep(self, name: str, number: int, **more: object) -> int:
        self.build(**{**OPEN, name: Rate(number, HOUR)})
        count = 0
        while count < 50:
            distinct = {"account": f"a{count}"} if name in ("address", "address_long", "network") else {}
            address = (
                "192.0.2.7"
                if name in ("address", "address_long", "account_address")
                else (f"192.0.2.{count}")
            )
            if not self.failures(1, address, **{**distinct, **more}):
                self.assertEqual(self.denied(address, **{**distinct, **more}).bucket, name)
                return count
            count += 1
        return count

    def test_every_bucket_has_its_number(self) -> None:
        for number in (1, 7, 33):
            for name in ("address", "address_long", "network", "account_address", "account", "account_long"):
                self.assertEqual(self.sweep(name, number), number, name)
            for name in ("known", "known_long"):
                self.assertEqual(self.sweep(name, number, source=KNOWN), number, name)
            self.assertEqual(self.sweep("device_code", number, kind="device-code"), number)
            for kind in ("recovery", "token"):
                self.assertEqual(self.sweep(kind, number, kind=kind), number)

    def test_every_bucket_has_its_time(self) -> None:
        """Seed defect 8."""
        for name in OPEN:
            for seconds in (60.0, 7200.0):
                self.build(**{**OPEN, name: Rate(2, seconds)})
                kind = {"device_code": "device-code"}.get(
                    name, name if name in ("recovery", "token") else "totp"
                )
                more = {"kind": kind, **({"source": KNOWN} if name.startswith("known") else {})}
                accounts = (
                    f"a{n}" if name in ("address", "address_long", "network") else "a" for n in range(9)
                )
                self.clock.advance(seconds - self.clock.now() % seconds)
                for _ in range(2):
                    self.fail_one(account=next(accounts), **more)
                self.clock.advance(seconds - 1)
                self.assertEqual(self.denied(account=next(accounts), **more).bucket, name)
                self.clock.advance(seconds + 1)
                self.succeed(account=next(accounts), **more)

    def test_the_costs_are_those_that_are_set(self) -> None:
        for cost in (1, 4, 20, 1000):
            self.build(honeypot_cost=cost)
            self.fail_one(account="?1", known=False, login="admin")
            self.assertEqual(self.failures(99, account="a2", source=KNOWN), max(0, 20 - cost))

    def test_no_setting_is_forgotten(self) -> None:
        """Those without a test of its own here are swept in the tests of what they set."""
        elsewhere = {"spray", "spray_cost", "alarm", "alarm_least", "in_flight", "waiting", "longest_wait"}
        elsewhere |= {"approval", "prompts", "prompts_long"}
        here = {*OPEN, "honeypots", "honeypot_cost"}
        self.assertEqual({field.name for field in fields_of(LimitsSettings)}, here | elsewhere)


class MemoryTests(LimitsCase):
    def test_what_is_kept_of_an_attempt_is_small_and_names_no_secret(self) -> None:
        admission = self.admitted(password=b"hunter2")
        self.assertLess(sum(sys.getsizeof(one) for one in (admission, admission._attempt)), 400)
        self.assertNotIn("hunter2", repr(admission))
