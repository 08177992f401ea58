"""Database servers of the tests: they refuse to run as root, so they run as nobody."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.backends.certificates import certificate
from tests.backends.processes import Program
from tests.peers.programs import free_ports, program, run


class Server:
    """A server in a folder of its own, on a port of the loopback and on a socket; TLS by the tests'
    authority, for localhost and 127.0.0.1."""

    name = "server"
    signal = "TERM"
    """What makes it end at once."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        (self.port,) = free_ports(1)
        self.certificate = certificate(self.folder, "server")
        self.certificate.key.chmod(0o600)
        self.own(self.folder, *self.folder.iterdir())
        self.program = Program(self.as_nobody(*self.words()), self.folder / "log")

    def words(self) -> Sequence[str | Path]:
        """What starts it."""
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def own(self, *paths: Path) -> None:
        """The server's user may change them."""
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in paths:
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def as_nobody(self, *words: str | Path) -> list[str | Path]:
        """`words`, as nobody if we are root; ends with us."""
        if os.getuid():
            return [*words]
        group = str(pwd.getpwnam("nobody").pw_gid)
        whose = ["--reuid=nobody", f"--regid={group}", "--clear-groups", f"--pdeathsig={self.signal}"]
        return [program("setpriv"), *whose, *words]

    def run(self, *words: str | Path, stdin: bytes = b"") -> bytes:
        """What a program says, run as the server's user."""
        return run(*self.as_nobody(*words), stdin=stdin, cwd=self.folder).stdout

    def start(self) -> None:
        self.program.begin(folder=self.folder)
        self.program.until(self.answers, lambda: "")

    def end(self) -> None:
        self.program.end()

    def remove(self) -> None:
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)
