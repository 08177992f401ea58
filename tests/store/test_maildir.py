"""Mail in Maildirs keeps the contract."""

from mailtwist.kit.threads import Threads
from mailtwist.testing.store import StoreContract
from tests.store.maildirs import WithMaildir


class MaildirStoreTests(WithMaildir, StoreContract):
    pass


class MaildirStoreInThreadsTests(WithMaildir, StoreContract):
    async def make_store(self, folder=None, **more):
        threads = Threads("store", 4)
        self.addCleanup(threads.stop)
        return await super().make_store(folder, threads=threads, **more)
