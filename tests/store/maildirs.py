"""A Maildir store in a folder of the test's own."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce


class WithMaildir(TestCase):
    """`make_store` gives a store in a new folder, or again in the same one."""

    def setUp(self):
        self.clock = ManualClock()

    async def make_store(self, folder=None, **more):
        self.folder = Path(self.mktemp()) if folder is None else folder
        settings = {"threads": AtOnce(), "clock": self.clock, **more}
        store = MaildirStore(self.folder, **settings)
        self.addCleanup(store.stop)
        return store
