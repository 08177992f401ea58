"""Mail in Maildir++ folders that other programs can read too, with an index that can be lost."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Folder, Names
from mailtwist.kit.clock import Clock, SystemClock
from mailtwist.kit.files import DiskFiles, Files, disk_trouble
from mailtwist.kit.threads import Threads
from mailtwist.kit.watching import Watching
from mailtwist.store.api import CannotDo, Quota
from mailtwist.store.maildir.account import MaildirAccount
from mailtwist.store.maildir.folders import account_folder, folder_of
from mailtwist.store.maildir.ground import MAILBOX_FILE, Ground
from mailtwist.store.maildir.index import FILE, Indexes
from mailtwist.store.maildir.quota import Limits
from mailtwist.store.maildir.repair import mend, prepare, rebuild
from mailtwist.store.maildir.verify import SETTLED, TOLD, verified
from mailtwist.store.names import new_name
from mailtwist.store.quota import UNLIMITED, QuotaSettings
from mailtwist.store.repair import Mended, Problem, Progress

OPEN_INDEXES = 64  # each is a few open files
_OF_ACCOUNT = {"cur", MAILBOX_FILE, FILE}
FOUND, ROUNDS = 10_000, 100  # so many problems of a kind are mended at a time, so often at most


class MailboxNames(Names):
    """Names of mailboxes, "/" between levels."""

    @classmethod
    def parse(cls, text: str) -> Self:
        names = super().parse(text)
        for name in names:
            try:
                folder_of(new_name(name))
            except CannotDo as cannot:
                raise ValueError(f'"{name}" cannot be a mailbox: {cannot.public}') from None
        return names


FIRST_MAILBOXES = MailboxNames(("Drafts", "Sent", "Archive", "Junk", "Trash"))


@dataclass(frozen=True)
class Settings(QuotaSettings):
    """Mail in Maildir++ folders."""

    folder: Folder | None = setting(
        None, words='Where the accounts\' folders are; without it, "mail" in the state folder.'
    )
    mailboxes: MailboxNames = setting(
        FIRST_MAILBOXES, words="What an account has besides INBOX when it is first used."
    )


class MaildirStore:
    """All accounts below `folder`."""

    settled = SETTLED

    def __init__(
        self,
        folder: Path,
        threads: Threads,
        files: Files | None = None,
        clock: Clock | None = None,
        first_mailboxes: Sequence[str] = (),
        allowed: Quota = UNLIMITED,
    ) -> None:
        self._folder = folder
        self._threads = threads
        self._files = files or DiskFiles()
        self._clock = clock or SystemClock()
        self._first_mailboxes = first_mailboxes
        self._allowed = allowed
        self._indexes = Indexes(OPEN_INDEXES)
        self._watching = Watching()
        self._accounts: WeakValueDictionary[str, MaildirAccount] = WeakValueDictionary()

    async def account(self, id: str) -> MaildirAccount:
        root = self._folder / account_folder(id)
        account = self._accounts.get(id)
        if account is None:
            ground = Ground(root, self._files, self._clock, Limits(root, self._allowed))
            account = self._accounts[id] = MaildirAccount(
                id, ground, self._threads, self._indexes, self._first_mailboxes, self._watching
            )
        if not account.begun:
            await account.begin()
        return account

    # -- `store.repair.SupportsRepair`
    async def kept(self) -> Sequence[str]:
        return await self._threads.run(_folders, self._folder)

    def kept_as(self, account: str) -> str:
        return account_folder(account)

    async def verify(self, kept: str, *, quick: bool, progress: Progress) -> Sequence[Problem]:
        return await self._verified(kept, progress, quick=quick)

    async def fsck(self, kept: str, *, quick: bool, progress: Progress) -> Mended:
        first = found = await self._verified(kept, progress, quick=quick, most=FOUND)
        for _ in range(ROUNDS):
            if not any(problem.mending for problem in found) or _is_newer(found):
                break
            await self._prepared(kept, found)
            account = self._at(kept)
            await account.work(mend, found, lambda: progress(kept, 0, 0))
            await account.idle()
            before, found = found, await self._verified(kept, progress, quick=quick, most=FOUND)
            if found == before:
                break
        return Mended(first, found)

    async def reindex(self, kept: str, *, progress: Progress) -> int:
        found = await self._verified(kept, progress, quick=True)
        damaged = [problem for problem in found if problem.kind == "index-damaged" and problem.mending]
        await self._prepared(kept, damaged)
        account = self._at(kept)
        messages = await account.work(rebuild, lambda: progress(kept, 0, 0))
        await account.idle()
        return messages

    async def _prepared(self, kept: str, found: Sequence[Problem]) -> None:
        try:
            await self._threads.run(prepare, self._folder / kept, self._files, found)
        except OSError as error:
            raise disk_trouble(error) from error

    def _at(self, kept: str) -> MaildirAccount:
        """The account in this folder, whatever its id is."""
        root = self._folder / kept
        ground = Ground(root, self._files, self._clock, Limits(root, self._allowed))
        return MaildirAccount(
            kept, ground, self._threads, self._indexes, self._first_mailboxes, self._watching
        )

    async def _verified(
        self, kept: str, progress: Progress, *, quick: bool, most: int = TOLD
    ) -> list[Problem]:
        root = self._folder / kept
        return await self._threads.run(
            verified, root, self._clock, progress, quick=quick, most=most, settled=self.settled
        )

    async def start(self) -> None:
        """From now on, what others do is heard at once."""
        from twisted.internet import reactor

        self._watching.start(reactor)
        await self._threads.run(self._files.make_folder, self._folder)

    async def stop(self) -> None:
        """All that was begun is done, and no file is open."""
        for account in list(self._accounts.values()):
            await account.idle()
        self._watching.stop()
        await self._threads.run(self._indexes.close)


def _folders(folder: Path) -> list[str]:
    try:
        folders = [entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(name for name in folders if _is_account(folder / name))


def _is_account(path: Path) -> bool:
    """Mail was in it once, as far as can be seen; `lost+found` of a disk, for one, is none."""
    try:
        return any(name in _OF_ACCOUNT for name in os.listdir(path))
    except PermissionError:
        return path.name != "lost+found"


def _is_newer(found: Sequence[Problem]) -> bool:
    """The index is not one that this program may touch."""
    return any(problem.kind == "index-damaged" and not problem.mending for problem in found)


def _folder(settings: Settings, assembly: Assembly) -> Path:
    return settings.folder or assembly.folder / "mail"


def _build(settings: Settings, assembly: Assembly) -> MaildirStore:
    folder = _folder(settings, assembly)
    return MaildirStore(
        folder, assembly.threads, assembly.files, assembly.clock, settings.mailboxes, settings.allowed
    )


async def _check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    folder = _folder(settings, assembly)
    if await assembly.threads.run(_can_be_written, folder):
        return []
    return [("folder", f"{folder} cannot be written to; name another folder, or give us the right to")]


def _can_be_written(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK)


part = Part(settings=Settings, build=_build, check=_check)
