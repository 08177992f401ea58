"""A whole server inside the test's own process: its parts can be asked, its clock turned, its disk filled."""

from pathlib import Path
from typing import Any

import pyotp

from mailtwist.app.assemble import Assembled
from mailtwist.config.load import load
from mailtwist.kit.clock import Clock
from mailtwist.kit.files import Files

PASSWORD = "correct horse"


class ServerInside:
    """The config `ini`, assembled and serving between `start` and `stop`; its relative paths are in `folder`.
    Its clients block, so they run in threads: `kit.threads` or `deferToThread`."""

    def __init__(
        self, folder: Path, ini: str, *, clock: Clock | None = None, files: Files | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder.absolute() / "mailtwist.ini"
        self.config.write_text(ini)
        self.assembled = Assembled(load(self.config), clock=clock, files=files)

    async def start(self) -> None:
        self.assembled.build()
        await self.assembled.start()

    async def stop(self) -> None:
        await self.assembled.stop()

    def part(self, room: str, name: str) -> Any:
        return self.assembled.part(room, name)

    def port(self, service: str) -> int:
        """Where `[service:...]` listens."""
        return int(self.part("service", service).places[0].rpartition(":")[2])

    async def add(self, name: str, password: str = PASSWORD, directory: str = "people") -> "Enrolled":
        """A new account in a directory that can be changed, with a confirmed authenticator app."""
        person = await self.part("directory", directory).add(name, password.encode())
        totp = next(iter(self.assembled.parts("factor").values()))
        made = await totp.enroll(person.account, name)
        phone = Enrolled(person.account, password, pyotp.TOTP(made.secret), self.assembled.clock)
        await totp.confirm(person.account, phone.code(-1), made.token)
        return phone


class Enrolled:
    """Somebody with a password and a phone."""

    def __init__(self, account: str, password: str, totp: pyotp.TOTP, clock: Clock) -> None:
        self.account = account
        self.password = password
        self._totp = totp
        self._clock = clock

    def code(self, steps: int = 0) -> str:
        """What the phone shows, so many half minutes from now."""
        return self._totp.at(int(self._clock.now()) + 30 * steps)

    @property
    def secret(self) -> str:
        """What goes into the password field now."""
        return f"{self.password}@{self.code()}"
