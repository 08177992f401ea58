"""Volatile SQLite states for tests, in a folder of their own."""

from pathlib import Path

from mailtwist.state.volatile.sqlite import Settings, SqliteVolatileState
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.volatile import MakesVolatile


class MakesSqlite(MakesVolatile):
    async def make_volatile(self):
        self.clock = ManualClock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "volatile.sqlite"
        return await self.opened()

    async def beside(self, state):
        return await self.opened()

    async def opened(self):
        state = SqliteVolatileState(Settings(), OnePart(self.folder, clock=self.clock))
        self.addCleanup(state.stop)
        await state.start()
        return state
