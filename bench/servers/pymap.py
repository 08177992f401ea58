"""pymap with Maildirs: IMAP in Python on asyncio."""

import subprocess
from typing import ClassVar

from bench.mail import KB, message
from bench.servers.api import IN_SMALL, SMALL, USER, NotHere, Program
from bench.servers.fetched import python_with
from bench.servers.ports import answers, free

HASH = "from pysasl.hashing import BuiltinHash; print(BuiltinHash(rounds=1000).hash('secret'))"


class Pymap(Program):
    """Has SMALL and no other mailbox: an APPEND of it takes seconds in a mailbox of a thousand messages."""

    name: ClassVar[str] = "pymap"
    slow: ClassVar[bool] = True

    def start(self) -> None:
        programs = python_with("pymap")
        hashed = subprocess.run([programs / "python", "-c", HASH], capture_output=True, text=True)
        if hashed.returncode:
            raise NotHere(f"pymap does not run: {hashed.stderr.strip()[-300:]}")
        home = self.folder / "mail"
        home.mkdir()
        (home / "pymap-etc-passwd").write_text(f"{USER}:x:::who:ann:\n")
        (home / "pymap-etc-shadow").write_text(f"{USER}:{hashed.stdout.strip()}:::::::\n")
        self.ports = {"imap": free(1)[0]}
        where = ["--host", "127.0.0.1", "--port", str(self.ports["imap"]), "--no-tls"]
        self.run(str(programs / "pymap"), *where, "maildir", str(home))
        self.wait_until(lambda: answers(self.ports["imap"]))

    def fill_small(self) -> bool:
        inbox = self.folder / "mail" / "ann"
        small = inbox / f".{SMALL}"
        for folder in (inbox, small):
            for part in ("tmp", "new", "cur"):
                (folder / part).mkdir(parents=True)
        for number in range(IN_SMALL):
            seen = "S" if number % 2 else ""
            file = small / "cur" / f"{1_700_000_000 + number}.bench:2,{seen}"
            file.write_bytes(message(4 * KB, number))
        return True
