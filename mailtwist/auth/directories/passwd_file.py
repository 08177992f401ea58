"""People in a text file: `ann@example.org:$6$...`, as Dovecot's passwd-file and Apache's htpasswd have it."""

import hmac
import secrets
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from twisted.internet.defer import Deferred

from mailtwist.auth.api import Person
from mailtwist.auth.directories.hashes import told_of
from mailtwist.auth.directories.passwords import Passwords
from mailtwist.auth.directories.people_file import PeopleFile, read, seen
from mailtwist.auth.endings import the_endings
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtMost, Duration, File
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.steps import step

BAD_LINE = Event("passwd_file.bad_line", "{problem}", "warn")
NOT_READ = Event("passwd_file.not_read", "what was read of {file} before still counts: {error}", "error")
READ = Event("passwd_file.read", "{file}: {people} people")

WHY = "file-changed"
"""The reason for which sessions end."""

HASH_MEMORY, HASH_PASSES = 19 << 20, 2
"""What somebody unknown costs when nobody is known."""

LOOK_EVERY = 1.0
SETTLED = 1.0
"""Seconds after a change until it is read: an editor may still be writing, and who is not in half a file
would be told that his password is wrong."""


@dataclass(frozen=True)
class Settings:
    """People in a text file, a line for each: `name:hash`. What follows behind more colons is not used."""

    file: File = setting(
        words="The file. It is read again when it changes. Nobody but its owner may write to it, and only its"
        " group may read it too.",
        example="/etc/mail.passwd",
    )
    groups: File | None = setting(
        None,
        words="A file that says who is in which group: `staff: ann@example.org bob@example.org`.",
        example="/etc/mail.groups",
    )
    remembered: Annotated[Duration, AtMost(3600)] = setting(
        Duration(300), words="A password that was right needs no new hash for so long."
    )


class PasswdFile:
    """`auth.api.Directory`, `SupportsDomains`, `SupportsListing`.  A change counts after a second or two;
    what cannot be read then, leaves everything as it was.  Who is gone or locked, or has another hash, is
    logged out."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._files = (settings.file, settings.groups)
        self._domain = assembly.login.default_domain or ""
        self._clock = assembly.clock
        self._threads = assembly.threads
        self._passwords = Passwords(assembly.clock, HASH_MEMORY, HASH_PASSES, settings.remembered)
        self._endings = assembly.one(the_endings)
        self._changed: deque[str] = deque()
        self._ending: Deferred[object] | None = None
        self._key = secrets.token_bytes(32)
        self._read = PeopleFile({}, (), ())
        self._hashes: tuple[str, ...] = ()
        self._looked = 0.0
        self._looking = False
        self._trouble = ""

    async def start(self) -> None:
        """OSError when the file cannot be read."""
        await self.reload()

    async def stop(self) -> None:
        if self._ending is not None:
            await self._ending
        self._passwords.stop()

    async def reload(self) -> None:
        found = await self._threads.run(read, *self._files, self._domain)
        changed = [one.person.account for name, one in self._read.people.items() if not found.has(name, one)]
        self._read, self._trouble = found, ""
        self._hashes = tuple(entry.stored for entry in found.people.values() if entry.stored)
        for problem in found.problems:
            BAD_LINE.log(problem=problem)
        READ.log(file=str(self._files[0]), people=len(found.people))
        self._changed.extend(changed)
        if self._changed and self._ending is None:
            ending = spawn(self._ended(), "ending the sessions of people whose lines have changed")
            self._ending = None if ending.called else ending

    async def _ended(self) -> None:
        """They come back by what holds now, or not at all."""
        try:
            while self._changed:
                await self._endings.account(self._changed[0], WHY)
                self._changed.popleft()
        finally:
            self._ending = None

    # -- the decision
    async def find(self, name: str) -> Person | None:
        await self._look()
        entry = self._read.people.get(name)
        step("{file} has {count} people", file=self._files[0], count=len(self._read.people))
        return entry.person if entry else None

    async def recipient(self, address: str) -> Person | None:
        return await self.find(address) if "@" in address else None

    async def domains(self) -> Collection[str]:
        await self._look()
        return {name.rpartition("@")[2] for name in self._read.people if "@" in name}

    async def people(self) -> Sequence[Person]:
        await self._look()
        return [entry.person for _, entry in sorted(self._read.people.items())]

    async def accepts(self, person: Person, password: bytes) -> bool:
        """Somebody who is not there costs as much as somebody who is: the hash of one who is, always the same
        for one name."""
        if not password:
            return False
        entry = self._read.people.get(person.name)
        here = entry is not None and entry.person.account == person.account and bool(entry.stored)
        stored = entry.stored if entry and here else self._somebodys(person.name)
        step("{told}", told=told_of(entry.stored if entry and here else None))
        return await self._passwords.is_right(stored, password) and here

    def _somebodys(self, name: str) -> str | None:
        if not self._hashes:
            return None
        number = int.from_bytes(hmac.digest(self._key, name.encode(), "sha256")[:8])
        return self._hashes[number % len(self._hashes)]

    # -- what others change
    async def _look(self) -> None:
        """The file is read again when it has changed, and nobody is at it."""
        now = self._clock.seconds()
        if self._looking or now - self._looked < LOOK_EVERY:
            return
        self._looking, self._looked = True, now
        try:
            stamp, changed = await self._threads.run(seen, *self._files)
            if stamp != self._read.stamp and not 0 <= self._clock.now() - changed < SETTLED:
                await self.reload()
        except OSError as error:
            self._not_read(f"{error.filename}: {error.strerror}")
        finally:
            self._looking = False

    def _not_read(self, trouble: str) -> None:
        """Told once."""
        if trouble != self._trouble:
            NOT_READ.log(file=str(self._files[0]), error=trouble)
        self._trouble = trouble


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """A sentence for each line that cannot be used."""
    domain = assembly.login.default_domain or ""
    try:
        found = await assembly.threads.run(read, settings.file, settings.groups, domain)
    except OSError as error:
        return [
            (
                "groups" if error.filename == str(settings.groups) else "file",
                f"{error.filename}: {error.strerror}",
            )
        ]
    return [("file", problem) for problem in found.problems]


part = Part(Settings, PasswdFile, check)
