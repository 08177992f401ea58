"""Which command may come when, what advertises it, and that a choice of parts is a choice of both."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import mailtwist
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import State, number, one_number, perhaps_number
from mailtwist.protocols.pop3.extension import Dialect, Extension
from mailtwist.protocols.pop3.language import Language, fitting
from tests.protocols.pop3.scene import LOGIN, Scene

GOLDEN = Path(__file__).with_name("commands.golden")
CHATS = Path(__file__).parents[2] / "chat" / "pop3"
SOURCES = Path(mailtwist.__file__).parent
SAID = re.compile(r"(?m)^S[1-9]?: (?:\+OK|-ERR(?: \[[A-Z/0-9-]+\])?) (?!POP3 ready|[\d.]+ [\d.]+$)(.+)$")
ALL = ("AUTHORIZATION", "TRANSACTION")


class Table(SynchronousTestCase):
    def test_the_table_of_commands_and_states_is_the_golden_one(self) -> None:
        commands = Dialect.installed().commands
        rows = [
            f"{name:<5}"
            + "".join(f" {state:<14}" if State[state] in kind.states else " " * 15 for state in ALL)
            for name, kind in sorted(commands.items())
        ]
        self.assertEqual("\n".join(row.rstrip() for row in rows) + "\n", GOLDEN.read_text())

    def test_the_server_keeps_to_the_table(self) -> None:
        for name, kind in Dialect.installed().commands.items():
            for state in (State.AUTHORIZATION, State.TRANSACTION):
                wire = Scene().greeted()
                if state is State.TRANSACTION:
                    wire.send(LOGIN)
                    wire.read()
                wire.send(name.encode() + b"\r\n")
                self.assertEqual(wire.read() == b"-ERR Not now\r\n", state not in kind.states, (name, state))


class Choice(SynchronousTestCase):
    def test_what_is_left_out_is_neither_told_nor_understood(self) -> None:
        for name, token, command in (
            ("top", b"TOP", b"TOP 1 1"),
            ("uidl", b"UIDL", b"UIDL"),
            ("auth", b"SASL", b"AUTH"),
            ("stls", b"STLS", b"STLS"),
        ):
            for without in ((), (name,)):
                scene = Scene()
                how = {"dialect": Dialect.installed(without), "tls": name != "stls"}
                wire = scene.greeted(**how)
                wire.send(b"CAPA\r\n" + command + b"\r\n")
                told, _, answer = wire.read().partition(b"\r\n.\r\n")
                self.assertEqual(token in told, not without, name)
                self.assertEqual(answer.startswith(b"-ERR Unknown command"), bool(without), name)

    def test_two_commands_of_one_name_are_a_mistake(self) -> None:
        parts = Dialect.installed().extensions
        self.assertRaises(ValueError, Dialect, (*parts, parts[0], parts[1]))

    def test_a_part_may_bring_only_a_word(self) -> None:
        dialect = Dialect((*Dialect.installed().extensions, Extension("utf8", 6856, ("UTF8",))))
        wire = Scene().greeted(dialect=dialect)
        wire.send(b"CAPA\r\n")
        self.assertIn(b"\r\nUTF8\r\n", wire.read())

    def test_every_capability_leads_to_what_it_promises(self) -> None:
        wire = Scene().logged_in()
        wire.send(b"CAPA\r\n")
        for token in wire.read().split(b"\r\n")[1:-2]:
            if token in (b"TOP", b"UIDL"):
                wire.send(token + b" 1 1\r\n" if token == b"TOP" else token + b" 1\r\n")
                self.assertTrue(wire.read().startswith(b"+OK"), token)


class German(SynchronousTestCase):
    def test_every_sentence_of_the_dialogues_has_a_german_one(self) -> None:
        german = fitting("de", Dialect.installed().languages)
        assert german is not None
        sentences = set()
        for file in CHATS.glob("*.chat"):
            if not file.name.startswith("lang"):
                sentences.update(SAID.findall(file.read_text()))
        self.assertGreater(len(sentences), 40)
        lacking = [said for said in sentences if "..." not in said and german.said(said) == said]
        self.assertEqual(lacking, [])

    def test_no_sentence_is_there_that_nobody_says(self) -> None:
        sources = "".join(file.read_text() for file in SOURCES.rglob("*.py") if "lang_" not in file.name)
        german = fitting("de", Dialect.installed().languages)
        assert german is not None
        for english in german.words:
            parts = [re.escape(part) for part in english.split("#")]
            self.assertRegex(sources, r"(?:[A-Z][A-Z0-9]{2,}|\{[^}\"]+\})".join(parts))


class Languages(SynchronousTestCase):
    def test_a_range_means_a_tag_in_full_or_its_beginning_or_less(self) -> None:
        known = [Language(tag, tag) for tag in ("en", "de-CH", "de", "zh-Hant-TW")]
        for wanted, tag in (
            ("EN", "en"), ("en-US", "en"), ("de", "de-CH"), ("de-AT", "de-CH"), ("DE-ch-1996", "de-CH"),
            ("zh-hant", "zh-Hant-TW"), ("z", None), ("fr", None), ("e", None), ("de-C", "de-CH"),
        ):  # fmt: skip
            found = fitting(wanted, known)
            self.assertEqual(found and found.tag, tag, wanted)

    def test_what_is_no_range_is_malformed(self) -> None:
        for wanted in ("", "*", "de-", "-de", "d3", "abcdefghi", "de_AT", "de AT", "é"):
            self.assertRaises(Malformed, fitting, wanted, ())

    def test_numbers_and_capitals_stay_in_their_order(self) -> None:
        own = Language("x", "x", {"# of #": "# von #", "Send #": "# bitte"})
        self.assertEqual(own.said("3 of 17"), "3 von 17")
        self.assertEqual(own.said("Send PASS"), "PASS bitte")
        self.assertEqual(own.said("Send it"), "Send it")
        self.assertRaises(ValueError, Language, "x", "x", {"# of #": "#"})

    def test_an_extension_may_bring_one(self) -> None:
        swedish = Extension("lang_sv", 6856, languages=(Language("sv", "Svenska", {"Bye": "Hejdå"}),))
        wire = Scene().greeted(dialect=Dialect((*Dialect.installed().extensions, swedish)))
        wire.send(b"LANG\r\nLANG sv\r\nNOOP\r\nQUIT\r\n")
        said = wire.read().decode()
        self.assertIn("\r\nsv Svenska\r\n", said)
        self.assertTrue(said.endswith("+OK sv Language changed\r\n-ERR Not now\r\n+OK Hejdå\r\n"), said)


class Numbers(SynchronousTestCase):
    def test_numbers_are_digits_and_few(self) -> None:
        self.assertEqual((number(b"007"), one_number(b" 12 "), perhaps_number(b" ")), (7, 12, None))
        for word in (b"", b"x", b"+1", b"-1", b"1.0", b"1 2", b"\xb2", b"1234567890", b"1_0"):
            self.assertRaises(Malformed, one_number, word)
