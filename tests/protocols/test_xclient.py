"""XCLIENT, in Postfix's way and in Dovecot's."""

import re

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.xclient import commands, one_command, xtext

ALL = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")


def unescaped(word: bytes) -> str:
    """What Postfix makes of xtext."""
    assert re.fullmatch(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", word), word
    return re.sub(rb"\+([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), word).decode()


class PostfixTests(SynchronousTestCase):
    def test_address_last_name_first(self) -> None:
        facts = {
            "ADDR": "203.0.113.5",
            "PORT": "4",
            "LOGIN": "ann+x@example.org",
            "HELO": "a b=c",
            "PROTO": "ESMTP",
        }
        self.assertEqual(
            commands(ALL, facts),
            [b"XCLIENT HELO=a+20b+3Dc PROTO=ESMTP PORT=4 LOGIN=ann+2Bx@example.org ADDR=203.0.113.5\r\n"],
        )

    def test_only_what_is_offered(self) -> None:
        self.assertEqual(commands(("addr",), {"NAME": "x", "ADDR": "::1"}), [b"XCLIENT ADDR=::1\r\n"])
        self.assertEqual(commands((), {"ADDR": "::1"}), [])
        self.assertEqual(commands(("A B",), {"A B": "x"}), [])

    def test_what_is_not_known_is_unavailable(self) -> None:
        self.assertEqual(commands(ALL, {"HELO": ""}), [b"XCLIENT HELO=[UNAVAILABLE]\r\n"])

    @given(some.dictionaries(some.sampled_from(ALL), some.text(max_size=300), max_size=8))
    def test_any_facts(self, facts: dict[str, str]) -> None:
        """Each line fits, each value comes back, ADDR is the last word."""
        found: dict[str, str] = {}
        order: list[str] = []
        for line in commands(ALL, facts):
            self.assertLessEqual(len(line), 512)
            self.assertTrue(line.startswith(b"XCLIENT ") and line.endswith(b"\r\n"))
            for word in line[8:-2].split(b" "):
                name, _, value = word.partition(b"=")
                order.append(name.decode())
                found[order[-1]] = unescaped(value)
        for name, value in facts.items():
            if len(xtext(value)) < 490:
                self.assertEqual(found[name], value or "[UNAVAILABLE]")
        self.assertEqual(order, sorted(order, key=lambda name: name == "ADDR"))


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
