"""What a word behind `mailtwist` is: one file, found by its entry point in `mailtwist.command`."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_CONFIG = "/etc/mailtwist.ini"
BAD_CONFIG = 78  # EX_CONFIG of sysexits.h
FAILED = 1


def _none(parser: ArgumentParser) -> None:
    """No arguments."""


@dataclass(frozen=True)
class Command:
    """`words` is one line of help.  `arguments` adds to the parser, which has `--config` already when
    `needs_config`: then `namespace.config` is the path of the ini file.  `run` returns the exit status; it
    may raise `BadConfig` and `CannotAssemble` (printed, 78), `Trouble`, OSError and SystemExit with a
    sentence (printed, 1)."""

    words: str
    run: Callable[[Namespace], int]
    arguments: Callable[[ArgumentParser], None] = _none
    needs_config: bool = True


def default_config() -> str:
    """The ini file that is meant when none is named."""
    return os.environ.get("MAILTWIST_CONFIG") or DEFAULT_CONFIG
