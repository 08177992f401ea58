"""Which command may come in which state: the installed parts against a table that people read."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Dialect, Extension, whole

GOLDEN = Path(__file__).parent / "commands.txt"
STATES = (State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED)


def table(dialect: Dialect) -> str:
    """One line a command: its states, UID where there is `UID ...` too, the part it comes from."""
    lines = []
    for part in dialect.extensions:
        for command in part.commands:
            states = " ".join(str(state.name).lower() if state in command.states else "-" for state in STATES)
            uid = "uid" if command.takes_uid else "-"
            lines.append(f"{command.name:14} {states:40} {uid:4} {part.name} rfc{part.rfc}")
    return "\n".join(sorted(lines)) + "\n"


class Table(SynchronousTestCase):
    def test_commands_and_states_are_those_of_the_table(self) -> None:
        """Print `table(whole())` into `commands.txt` when this differs on purpose."""
        self.assertEqual(table(whole()).splitlines(), GOLDEN.read_text().splitlines())

    def test_every_command_says_what_it_is_for(self) -> None:
        for command in whole().commands.values():
            self.assertTrue(command.states)
            self.assertEqual(command.name, command.name.upper())


class Knows:
    """An account with a talent."""

    def juggle(self) -> None: ...


class Dialects(SynchronousTestCase):
    def test_what_an_account_cannot_do_is_neither_told_nor_understood(self) -> None:
        dialect = whole()
        self.assertIs(dialect.fitting(object()), dialect)

        class Poor:
            lacks = frozenset({"move"})

        poor = dialect.fitting(Poor())
        self.assertEqual(set(dialect.commands) - set(poor.commands), {"MOVE"})
        needing = Dialect((Extension(name="juggling", rfc=1, capabilities=("JUGGLE",), needs=(Knows,)),))
        self.assertEqual(needing.fitting(object()).extensions, ())
        self.assertIs(needing.fitting(Knows()), needing)

    def test_parts_can_be_left_out(self) -> None:
        self.assertNotIn("IDLE", Dialect.installed(["idle"]).commands)

    def test_two_commands_of_one_name_are_refused(self) -> None:
        noop = next(part for part in whole().extensions if part.name == "noop")
        with self.assertRaises(ValueError):
            Dialect((noop, noop))
