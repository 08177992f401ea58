"""A state folder with its ini file, and commands that run in the test's own reactor."""

import io
from argparse import ArgumentParser
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import Work, status_of
from mailtwist.config.load import load

INI = """\
[server]
hostname = mail.example.org
state = state
[login]
default_domain = example.org
refusal = 0 s
quantum = 50 ms
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[factor:totp]
"""


class InsideCase(TestCase):
    """`said(command, work, "add", "ann")` is exit status, stdout and stderr of `mailtwist ... add ann`."""

    ini = INI

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.path = self.folder / "x.ini"
        self.path.write_text(self.ini)

    def assembled(self) -> Assembled:
        return Assembled(load(self.path))

    async def said(
        self, command: Command, work: Work, *argv: str, stdin: bytes = b"", typed: tuple[str, ...] = ()
    ) -> tuple[int, str, str]:
        parser = ArgumentParser()
        command.arguments(parser)
        chosen = parser.parse_args(argv)
        out, err = io.StringIO(), io.StringIO()
        answers = iter(typed)

        def getpass(prompt: str) -> str:
            try:
                return next(answers)
            except StopIteration:
                raise EOFError from None

        module = work.__module__
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            patch("sys.stdin", SimpleNamespace(buffer=io.BytesIO(stdin))),
            patch(f"{module}.getpass", getpass, create=True),
        ):
            status = await status_of(work, self.assembled(), chosen)
        return status, out.getvalue(), err.getvalue()
