"""A Maildir store in a folder of the test's own, and what others may do to its files."""

import os
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce


class WithMaildir(TestCase):
    """`make_store` gives a store in a new folder, or another one in the same folder."""

    def setUp(self):
        self.clock = ManualClock()

    async def make_store(self, folder=None, **more):
        self.folder = Path(self.mktemp()) if folder is None else folder
        settings = {"threads": AtOnce(), "clock": self.clock, **more}
        store = MaildirStore(self.folder, **settings)
        self.addCleanup(store.stop)
        return store

    async def account(self, **more):
        """Ann's, in a store of its own."""
        return await (await self.make_store(**more)).account("ann")

    async def again(self, **more):
        """Ann's account as another process sees it."""
        return await (await self.make_store(self.folder, **more)).account("ann")

    def path(self, *parts):
        return self.folder.joinpath("ann", *parts)

    def cur(self, mailbox=""):
        """The names in cur, sorted."""
        return sorted(os.listdir(self.path(mailbox, "cur")))

    def file(self, uid, mailbox=""):
        """The file of a message."""
        (found,) = (name for name in self.cur(mailbox) if f".{uid}:2," in name)
        return self.path(mailbox, "cur", found)

    def everything(self):
        """Paths of all files but those of the index."""
        files = (path for path in self.path().rglob("*") if path.is_file())
        return {path.relative_to(self.path()): path for path in files if "mailtwist-index" not in path.name}
