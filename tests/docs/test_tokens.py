"""The source of access tokens in docs/extending keeps the contract."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.places import File
from mailtwist.gateway.api import TokenSource
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.oauth import NAMES, STRANGER, TokenSourceContract
from tests.docs.example import example

PROGRAM = """\
#!/bin/sh
cd "{folder}" || exit 1
[ -e away ] && exit 1
[ "$(cat)" = "{stranger}" ] && exit 3
mktemp token.XXXXXXXX
"""


class ProgramTests(TokenSourceContract, TestCase):
    async def make_source(self) -> TokenSource:
        theirs = example("token_program")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        program = self.folder / "access-token"
        program.write_text(PROGRAM.format(folder=self.folder, stranger=NAMES[STRANGER]))
        program.chmod(0o755)
        assembly = OnePart(self.folder)
        self.addCleanup(assembly.stop)
        return theirs.part.build(theirs.Settings(program=File(program)), assembly)

    async def go_away(self) -> None:
        (self.folder / "away").touch()

    async def come_back(self) -> None:
        (self.folder / "away").unlink()
