"""Mail in Maildir++ folders that other programs can read too, with an index that can be lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Folder, Names
from mailtwist.kit.clock import Clock, SystemClock
from mailtwist.kit.files import DiskFiles, Files
from mailtwist.kit.threads import Threads
from mailtwist.store.maildir.account import MaildirAccount
from mailtwist.store.maildir.folders import account_folder
from mailtwist.store.maildir.index import Indexes

OPEN_INDEXES = 64  # each is a few open files
FIRST_MAILBOXES = Names(("Drafts", "Sent", "Archive", "Junk", "Trash"))


@dataclass(frozen=True)
class Settings:
    """Mail in Maildir++ folders."""

    folder: Folder | None = setting(
        None, words='Where the accounts\' folders are; without it, "mail" in the state folder.'
    )
    mailboxes: Names = setting(
        FIRST_MAILBOXES, words="What an account has besides INBOX when it is first used."
    )


class MaildirStore:
    """All accounts below `folder`."""

    def __init__(
        self,
        folder: Path,
        threads: Threads,
        files: Files | None = None,
        clock: Clock | None = None,
        first_mailboxes: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._threads = threads
        self._files = files or DiskFiles()
        self._clock = clock or SystemClock()
        self._first_mailboxes = first_mailboxes
        self._indexes = Indexes(OPEN_INDEXES)
        self._accounts: WeakValueDictionary[str, MaildirAccount] = WeakValueDictionary()

    async def account(self, id: str) -> MaildirAccount:
        root = self._folder / account_folder(id)
        account = self._accounts.get(id)
        if account is None:
            account = self._accounts[id] = MaildirAccount(
                id, root, self._files, self._threads, self._clock, self._indexes, self._first_mailboxes
            )
            await account.work(lambda ground: None)
        return account

    async def stop(self) -> None:
        """All that was begun is done, and no file is open."""
        for account in list(self._accounts.values()):
            await account.idle()
        await self._threads.run(self._indexes.close)


def _build(settings: Settings, assembly: Assembly) -> MaildirStore:
    folder = settings.folder or assembly.folder / "mail"
    return MaildirStore(folder, assembly.threads, assembly.files, assembly.clock, settings.mailboxes)


part = Part(settings=Settings, build=_build)
