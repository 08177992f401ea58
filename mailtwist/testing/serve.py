"""A real server, or a real command, whose clock a test sets by a file."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from mailtwist.kit.clock import set_process_clock
from mailtwist.testing.clock import SettableClock

_PROGRAM = ("-P", "-c", "from mailtwist.testing.serve import run; run()", "--clock-file")


def program_with_clock(file: Path) -> tuple[str, ...]:
    """What to tell Python in place of `twistd -n mailtwist`; the clock is ahead by the seconds in `file`."""
    return (*_PROGRAM, str(file.absolute()))


def words_with_clock(file: Path) -> tuple[str, ...]:
    """What to tell Python in place of `mailtwist`."""
    return (*_PROGRAM, str(file.absolute()), "--command")


def main(argv: Sequence[str]) -> int:
    """`--clock-file F --config x.ini` serves, `--clock-file F --command WORDS` is a command."""
    parser = ArgumentParser(prog="mailtwist.testing.serve", add_help=False, allow_abbrev=False)
    parser.add_argument("--clock-file", type=Path, required=True)
    parser.add_argument("--command", action="store_true")
    chosen, rest = parser.parse_known_args(argv)
    set_process_clock(SettableClock(chosen.clock_file))
    return _command(rest) if chosen.command else _server(rest)


def _command(words: list[str]) -> int:
    from mailtwist.app.cli import main as mailtwist

    return mailtwist(words)


def _server(options: list[str]) -> int:
    from twisted.scripts.twistd import run

    sys.argv = ["twistd", "-n", "--pidfile=", "mailtwist", *options]
    run()
    return 0


def run() -> None:
    """`main` as a whole process."""
    raise SystemExit(main(sys.argv[1:]))
