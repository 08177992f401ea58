"""What a measurement knows of a server."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

SINK = "sink@example.test"
OTHER = "bob@example.test"
"""Has no second factor and logs in by a password alone."""

USER = "ann@example.test"
SMALL, BIG, HUGE, POSTS = "Small", "Big", "Huge", "INBOX"
"""Mailboxes of USER, see `bench.filling`."""

IN_SMALL = 1_000


class NotHere(Exception):
    """Why a peer cannot be measured on this machine."""


class Server:
    """From `start` until `stop`.  `ports` are by service: smtp, smtps, imap, imaps, pop3; `secret` is USER's.
    `slow`: one that has hardly to be measured; `everywhere`: one that may use all cores."""

    name: ClassVar[str]
    slow: ClassVar[bool] = False
    everywhere: ClassVar[bool] = False
    ports: dict[str, int]
    secret = "secret"
    user = USER

    def __init__(self, certificate: Path, key: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.folder.chmod(0o755)
        self.certificate = certificate
        self.key = key
        self.filled = False

    @property
    def pid(self) -> int:
        """The root of its processes."""
        raise NotImplementedError

    def start(self) -> None:
        """All ports answer; or `NotHere`."""
        raise NotImplementedError

    def end(self) -> None:
        """No process is left."""
        raise NotImplementedError

    def fill_small(self) -> bool:
        """The mailbox SMALL is there, by other means than APPEND."""
        return False

    def people(self, count: int) -> list[str]:
        """Names of `count` more accounts whose passwords are checked as an operator's are: by argon2."""
        raise NotImplementedError

    def secret_of(self, person: str) -> str:
        """What one of `people` types now: with a code that was not used where there are codes."""
        raise NotImplementedError

    def again(self) -> None:
        """It has ended and runs again: what it knew of logins it knows from the disk."""
        raise NotImplementedError

    def stop(self) -> None:
        try:
            self.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Program(Server):
    """A server that is one command in the foreground."""

    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=Path.cwd(),
                env={**os.environ, **(environment or {})},
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not ready():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise NotHere(f"did not start: {self.said()}")
            time.sleep(0.02)

    def said(self) -> str:
        return (self.folder / "output").read_text("utf-8", "replace")[-2000:]

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
