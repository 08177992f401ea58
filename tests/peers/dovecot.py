"""Dovecot as a peer: it reads the Maildirs that mailtwist writes, and gives a second opinion."""

import os
import shutil
from pathlib import Path

from tests.backends import dovecot


class Dovecot(dovecot.Dovecot):
    """A private Dovecot over a copy of one Maildir (any user, password `secret`); IMAP in clear on `port`.

    A copy, because Dovecot never serves mail as root, which the tests may be."""

    services = ("imap-login",)
    passdbs = "passdb {{\n  driver = static\n  args = password=secret\n}}\n"

    def __init__(self, maildir: Path) -> None:
        super().__init__("dovecot-peer")
        self.maildir = self.folder / "Maildir"
        self.location = f"maildir:{self.maildir}"
        self._original = maildir
        self.port = self.ports["imap"]

    def start(self) -> None:
        shutil.copytree(self._original, self.maildir)
        for path in (self.maildir, *self.maildir.rglob("*")):
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        super().start()
