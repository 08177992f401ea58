"""Policies and records that domains publish: what they mean, and what counts as none."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.mta_sts import LONGEST_AGE, Sts, parsed, report_addresses, sts_id
from mailtwist.tls.records import sts_policy

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"


class PolicyTests(SynchronousTestCase):
    def test_the_one_of_the_rfc(self):
        policy = parsed(GOOD)
        self.assertEqual(policy, Sts("enforce", 604800, ("mail.example.com", "*.example.net")))

    def test_line_ends_blanks_and_what_comes_later(self):
        octets = (
            b"version:STSv1\nmode :  testing \nfuture: thing: x\nmx: a.example\nmode: enforce\n\nmax_age: 1"
        )
        self.assertEqual(parsed(octets), Sts("testing", 1, ("a.example",)))

    def test_what_we_write_ourselves_is_understood(self):
        self.assertEqual(parsed(sts_policy(["mx.example.org"]).encode()).mode, "enforce")

    def test_an_age_has_an_end(self):
        self.assertEqual(parsed(GOOD.replace(b"604800", b"9999999999")).max_age, LONGEST_AGE)

    def test_what_is_none(self):
        for octets, words in (
            (b"", "it does not say version: STSv1"),
            (GOOD.replace(b"STSv1", b"STSv2"), "it does not say version: STSv1"),
            (GOOD.replace(b"enforce", b"Enforce"), 'its mode is "Enforce"'),
            (GOOD.replace(b"604800", b"-1"), 'its max_age is "-1"'),
            (GOOD.replace(b"604800", b"\xd9\xa1"), 'its max_age is "?"'),
            (GOOD.replace(b"mx: mail.example.com", b"mx: a b"), "its mx lines are no host names"),
            (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "it has no mx line"),
            (GOOD + b"<html>", '"<html>" is no line of a policy'),
            (GOOD + b"\xff", "it is not UTF-8"),
            (GOOD + b"mx: a.example\n" * 200, "its mx lines are no host names"),
        ):
            with self.assertRaises(ValueError) as caught:
                parsed(octets)
            self.assertEqual(str(caught.exception), words)

    def test_a_wildcard_is_one_label(self):
        policy = parsed(GOOD)
        for host, named in (
            ("mail.example.com", True),
            ("MAIL.example.com", True),
            ("a.example.net", True),
            ("a.b.example.net", False),
            ("example.net", False),
            ("mail.example.org", False),
        ):
            self.assertEqual(policy.names(host), named, host)

    def test_blanks_without_end_cost_nothing(self):
        """In steps of a square this would take minutes."""
        blanks = b" " * 60_000
        with self.assertRaises(ValueError):
            parsed(b"version: STSv1\nmode: enforce\nmax_age: 1\nmx: a" + blanks + b"a")
        with self.assertRaises(ValueError):
            parsed(b"a" + blanks + b"a: 1")
        with self.assertRaises(ValueError):
            parsed(b"version: STSv1\nmode: enforce\nmax_age: 1\nmx: a" + b"-" * 60_000 + b".")

    @given(st.binary(max_size=300))
    def test_any_octets_are_a_policy_or_a_sentence(self, octets):
        try:
            parsed(octets)
        except ValueError as error:
            self.assertTrue(str(error).isprintable())


class RecordTests(SynchronousTestCase):
    def test_the_id(self):
        self.assertEqual(sts_id(["v=STSv1; id=20160831085700Z;"]), "20160831085700Z")
        self.assertEqual(sts_id(["v=spf1 -all", "v=STSv1;id=1"]), "1")
        self.assertEqual(sts_id([]), "")
        self.assertEqual(sts_id(["v=STSv2; id=1"]), "")

    def test_where_reports_go(self):
        self.assertEqual(report_addresses(["v=TLSRPTv1; rua=mailto:a@b.example,https://c.example/x"]),
                         ("mailto:a@b.example", "https://c.example/x"))  # fmt: skip
        self.assertEqual(report_addresses([]), ())

    def test_records_that_are_none(self):
        for records in (["v=STSv1; id=a b"], ["v=STSv1"], ["v=STSv1; id=1", "v=STSv1; id=2"]):
            with self.assertRaises(ValueError):
                sts_id(records)
        for records in (["v=TLSRPTv1"], ["v=TLSRPTv1; rua=a@b.example"], ["v=TLSRPTv1; rua=mailto:a"] * 2):
            with self.assertRaises(ValueError):
                report_addresses(records)
