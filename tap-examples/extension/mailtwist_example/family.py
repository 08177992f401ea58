"""A directory in a text file: in each line an address and an argon2 hash."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting


@dataclass(frozen=True)
class Settings:
    """People in a text file."""

    file: File = setting(
        words="The file: `ann@example.org $argon2id$...`, one line each.", example="family.txt"
    )


class Family:
    """`auth.api.Directory` and `SupportsDomains`.  The file is read at each question."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._file = settings.file
        self._threads = assembly.threads
        self._hasher = PasswordHasher()
        self._nobodys = self._hasher.hash("nobody")

    async def find(self, name: str) -> Person | None:
        return Person(name, name, (name,)) if name in await self._people() else None

    async def recipient(self, address: str) -> Person | None:
        return await self.find(address)

    async def domains(self) -> Collection[str]:
        return {name.rpartition("@")[2] for name in await self._people()}

    async def accepts(self, person: Person, password: bytes) -> bool:
        stored = (await self._people()).get(person.account)
        right = await self._threads.run(self._is_right, stored or self._nobodys, password)
        return right and stored is not None

    def _is_right(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _people(self) -> dict[str, str]:
        try:
            return await self._threads.run(_read, self._file)
        except OSError as error:
            raise LoginUnavailable(f"{self._file}: {error.strerror}") from error


def _read(file: Path) -> dict[str, str]:
    pairs = (line.split() for line in file.read_text().splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    try:
        await assembly.threads.run(_read, settings.file)
    except OSError as error:
        return [("file", f"{settings.file} cannot be read: {error.strerror}")]
    return []


part = Part(Settings, Family, check)
