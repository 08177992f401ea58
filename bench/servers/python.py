"""What people build in Python today: aiosmtpd, and the classes of twisted.mail as they are."""

import sys
from importlib.util import find_spec
from typing import ClassVar

from bench.servers.api import NotHere, Program
from bench.servers.ports import answers, free


class PythonProgram(Program):
    """`python -m bench.programs.MODULE PORT SMTPS-PORT CERTIFICATE KEY FOLDER`; no folder: mail is thrown
    away."""

    module: ClassVar[str]
    keeps: ClassVar[bool]
    needs: ClassVar[str]

    def start(self) -> None:
        if find_spec(self.needs) is None:
            raise NotHere(f"{self.needs} is not installed: pip install {self.needs}")
        self.ports = dict(zip(("smtp", "smtps"), free(2), strict=True))
        words = [*map(str, self.ports.values()), str(self.certificate), str(self.key)]
        folder = [str(self.folder / "mail")] if self.keeps else []
        self.run(sys.executable, "-m", f"bench.programs.{self.module}", *words, *folder)
        self.wait_until(lambda: all(map(answers, self.ports.values())))


class Aiosmtpd(PythonProgram):
    """Throws mail away."""

    name: ClassVar[str] = "aiosmtpd"
    module, keeps, needs = "aio", False, "aiosmtpd"


class AiosmtpdMaildir(Aiosmtpd):
    """Into a Maildir, synced."""

    name = "aiosmtpd-maildir"
    keeps = True


class Stock(PythonProgram):
    """Throws mail away."""

    name: ClassVar[str] = "twisted.mail"
    module, keeps, needs = "stock", False, "twisted.mail"


class StockMaildir(Stock):
    """Into a Maildir, synced."""

    name = "twisted.mail-maildir"
    keeps = True
