"""XCLIENT, in Postfix's way and in Dovecot's."""

import re

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.xclient import command, one_command, xtext

ALL = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")


def unescaped(word: bytes) -> str:
    """What Postfix makes of xtext."""
    assert re.fullmatch(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", word), word
    return re.sub(rb"\+([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), word).decode()


class PostfixTests(SynchronousTestCase):
    def test_address_last(self) -> None:
        facts = {
            "ADDR": "203.0.113.5",
            "PORT": "4",
            "LOGIN": "ann+x@example.org",
            "HELO": "a b=c",
            "PROTO": "ESMTP",
        }
        told, line = command(ALL, facts)
        self.assertEqual(told, set(facts))
        self.assertEqual(
            line, b"XCLIENT HELO=a+20b+3Dc PROTO=ESMTP PORT=4 LOGIN=ann+2Bx@example.org ADDR=203.0.113.5\r\n"
        )

    def test_only_what_is_offered(self) -> None:
        self.assertEqual(command(("addr",), {"NAME": "x", "ADDR": "::1"})[1], b"XCLIENT ADDR=::1\r\n")
        for offered, facts in (((), {"ADDR": "::1"}), (("A B",), {"A B": "x"})):
            self.assertEqual(command(offered, facts), (frozenset(), b""))

    def test_what_is_not_known_is_unavailable(self) -> None:
        self.assertEqual(command(ALL, {"HELO": ""})[1], b"XCLIENT HELO=[UNAVAILABLE]\r\n")

    def test_no_client_talks_its_login_out_of_the_line(self) -> None:
        facts = {"HELO": "h" * 490, "PROTO": "ESMTP", "LOGIN": "ann@example.org", "ADDR": "::1"}
        self.assertEqual(command(ALL, facts)[1], b"XCLIENT PROTO=ESMTP LOGIN=ann@example.org ADDR=::1\r\n")

    def test_what_is_too_long_is_not_told(self) -> None:
        told, line = command(ALL, {"ADDR": "::1", "LOGIN": "\xfc" * 100})
        self.assertEqual((told, line), ({"ADDR"}, b"XCLIENT ADDR=::1\r\n"))

    @given(some.dictionaries(some.sampled_from(ALL), some.text(max_size=300), max_size=8))
    def test_any_facts(self, facts: dict[str, str]) -> None:
        """The line fits, each value comes back, ADDR is the last word."""
        told, line = command(ALL, facts)
        self.assertLessEqual(len(line), 512)
        self.assertRegex(line, rb"\A(?:XCLIENT(?: [A-Z]+=[^ \r\n]+)+\r\n)?\Z")
        words = [word.partition(b"=") for word in line[8:-2].split(b" ") if word]
        self.assertEqual(sorted(name.decode() for name, _, _ in words), sorted(told))
        for name, _, value in words:
            self.assertEqual(unescaped(value), facts[name.decode()] or "[UNAVAILABLE]")
        if "ADDR" in facts and len(xtext(facts["ADDR"])) < 490:
            self.assertEqual(words[-1][0], b"ADDR")


class DovecotTests(SynchronousTestCase):
    @given(some.dictionaries(some.sampled_from(ALL), some.text(max_size=700), max_size=8))
    def test_any_facts(self, facts: dict[str, str]) -> None:
        line = one_command(facts)
        self.assertLessEqual(len(line), 1024)
        self.assertRegex(line, rb"\AXCLIENT(?: [A-Z]+=[!-~]+)*\r\n\Z")

    def test_values_are_as_they_are(self) -> None:
        self.assertEqual(
            one_command({"ADDR": "::1", "DESTNAME": "a+b"}), b"XCLIENT ADDR=::1 DESTNAME=a+b\r\n"
        )
