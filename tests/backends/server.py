"""What every server behind the gateway can be asked in a test."""

import re
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from tests.backends.certificates import Certificate, certificate
from tests.backends.processes import eventually, send
from tests.peers.clients import Login
from tests.peers.programs import free_ports


class Server:
    """From `start` until `stop`, or `kill`, and again.  `ports` are by door: imap, imaps, pop3, pop3s,
    submission, submissions, smtp, lmtp, sieve; those that want a PROXY header have `-proxied` behind it."""

    doors: tuple[str, ...] = ()

    def __init__(self, kind: str, *, certificate: Certificate | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"behind-{kind}-"))  # sockets need a short path
        self.folder.chmod(0o755)
        self.ports = dict(zip(self.doors, free_ports(len(self.doors)), strict=True))
        self.certificate = certificate or self._certified()

    def _certified(self) -> Certificate:
        return certificate(self.folder, "server")

    @property
    def root(self) -> Path:
        """The file of the authority that vouches for it."""
        return self.certificate.root

    @property
    def pid(self) -> int:
        """The process from which all of its processes come."""
        raise NotImplementedError

    @property
    def log(self) -> str:
        """What it has logged."""
        file = self.folder / "log"
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def lines(self, pattern: str) -> list[str]:
        """Of the log, those that have it so far."""
        return [line for line in self.log.splitlines() if re.search(pattern, line)]

    def line(self, pattern: str, count: int = 1) -> str:
        """The line of the log that has it for the `count`th time; waits for it."""
        if not eventually(lambda: len(self.lines(pattern)) >= count):
            raise AssertionError(f"no line with {pattern}:\n{self.log}")
        return self.lines(pattern)[count - 1]

    def add(self, user: str, password: str | bytes) -> None:
        """`user` has this password from now on."""
        raise NotImplementedError

    def login(self, user: str, password: str) -> Login:
        """What mail programs want to know to come here without a gateway."""
        return Login(user, password, self.root, self.ports, host="localhost")

    def freeze(self) -> None:
        """It does nothing more; the kernel still takes what is sent to it."""
        send(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        send(self.pid, signal.SIGCONT)

    def start(self) -> None:
        """Its ports answer."""
        raise NotImplementedError

    def kill(self) -> None:
        """As by a power cut; it can be started again."""
        raise NotImplementedError

    def end(self) -> None:
        """No process of it is left."""
        raise NotImplementedError

    def stop(self) -> None:
        """Nor a file."""
        try:
            self.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def is_free(port: int) -> bool:
    """Somebody may listen there."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
