"""Volatile state in a SQLite file that processes share."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.state.volatile.sqlite import Settings, SqliteVolatileState
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.interleaving import InterleavingContract
from mailtwist.testing.limits import LimitsContract
from mailtwist.testing.sharing import SharingContract
from mailtwist.testing.volatile import MakesVolatile, VolatileContract


class MakesSqlite(MakesVolatile):
    async def make_volatile(self) -> SqliteVolatileState:
        self.clock = ManualClock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        return await self.opened()

    async def beside(self, state: object) -> SqliteVolatileState:
        return await self.opened()

    async def opened(self) -> SqliteVolatileState:
        state = SqliteVolatileState(Settings(), OnePart(self.folder, clock=self.clock))
        await state.start()
        self.addCleanup(state.stop)
        return state


class SqliteVolatileTests(MakesSqlite, VolatileContract, TestCase):
    pass


class SqliteLimitsTests(MakesSqlite, LimitsContract, TestCase):
    pass


class SqliteSharingTests(MakesSqlite, SharingContract, TestCase):
    pass


class SqliteInterleavingTests(MakesSqlite, InterleavingContract, TestCase):
    pass
