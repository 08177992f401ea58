"""Which command may come when, what advertises it, and that a choice of parts is a choice of both."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import State, number, one_number, perhaps_number
from mailtwist.protocols.pop3.extension import Dialect, Extension
from tests.protocols.pop3.scene import LOGIN, Scene

GOLDEN = Path(__file__).with_name("commands.golden")
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


class Numbers(SynchronousTestCase):
    def test_numbers_are_digits_and_few(self) -> None:
        self.assertEqual((number(b"007"), one_number(b" 12 "), perhaps_number(b" ")), (7, 12, None))
        for word in (b"", b"x", b"+1", b"-1", b"1.0", b"1 2", b"\xb2", b"1234567890", b"1_0"):
            self.assertRaises(Malformed, one_number, word)
