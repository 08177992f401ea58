"""Mail in memory keeps the contract."""

from twisted.trial.unittest import TestCase

from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.store import StoreContract


class MemoryStoreTests(StoreContract, TestCase):
    async def make_store(self):
        return MemoryStore(ManualClock())
