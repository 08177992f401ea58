"""Commands for tests: what `main` finds, and how it is called."""

import io
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import EntryPoint
from pathlib import Path

from mailtwist.app.assemble import CannotAssemble
from mailtwist.app.cli import main
from mailtwist.app.cli.command import Command
from mailtwist.config.problems import BadConfig, Problem
from mailtwist.kit.trouble import Trouble

RAISED: dict[str, BaseException] = {
    "bad": BadConfig(
        [Problem("x.ini", 2, "server", "log", "no"), Problem("x.ini", 1, "server", "state", "\u00fc")]
    ),
    "trouble": Trouble("4.3.0", "Try later", "the disk is full"),
    "disk": OSError(28, "No space left on device"),
    "key": KeyboardInterrupt(),
    "sentence": SystemExit("there is no such user"),
    "circle": CannotAssemble("[tls:a] needs [tls:a]"),
}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("raised", nargs="?")
    parser.add_argument("--status", type=int, default=0)


def run(chosen: Namespace) -> int:
    if chosen.raised:
        raise RAISED[chosen.raised]
    print(getattr(chosen, "config", "no config"))
    return int(chosen.status)


say = Command("says which config", run=run, arguments=arguments)
plain = Command("needs no config", run=run, arguments=arguments, needs_config=False)
no_command = object()


def parts(group: str) -> dict[str, EntryPoint]:
    """What is installed, for tests."""
    targets = {
        "gone": "tests.app.cli.nowhere:command",
        "odd": "tests.app.cli.words:no_command",
        "plain": "tests.app.cli.words:plain",
        "say": "tests.app.cli.words:say",
    }
    return {name: EntryPoint(name, target, group) for name, target in targets.items()}


def said(*argv: str, installed: Callable[[str], dict[str, EntryPoint]] = parts) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `mailtwist argv`."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(list(argv), installed)
    return status, out.getvalue(), err.getvalue()


def ran(folder: Path, *argv: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    """`mailtwist argv` in a process of its own, in `folder`."""
    program = "import sys; from mailtwist.app.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *argv],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
