"""Durable state in a SQLite file."""

import os
import stat
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.state.api import StateAway
from mailtwist.state.durable.sqlite import NETWORKS, Settings, SqliteState
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.state import NOW, DurableContract, a_device, a_token


class SqliteDurableTests(DurableContract, TestCase):
    async def make_durable(self) -> SqliteState:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assembly = OnePart(folder)
        self.addCleanup(self.assembly.threads.stop)
        return await self.opened()

    async def opened(self) -> SqliteState:
        state = SqliteState(Settings(), self.assembly)
        await state.start()
        self.addCleanup(state._db._close)
        return state

    async def reopened(self, state: SqliteState) -> SqliteState:
        await state.stop()
        return await self.opened()

    async def test_the_file_is_nobody_elses_to_read(self) -> None:
        await (await self.make_durable()).add_token(a_token())
        for name in ("durable.sqlite", "durable.sqlite-wal"):
            mode = stat.S_IMODE(os.stat(self.assembly.folder / name).st_mode)
            self.assertEqual(mode, 0o600, name)

    async def test_two_processes_agree_on_what_is_used(self) -> None:
        first = await self.make_durable()
        second = await self.opened()
        await first.advance("ann", "t1", 10, b"x")
        self.assertEqual(await second.last_step("ann", "t1"), 10)

    async def test_a_folder_that_is_gone_is_temporary_trouble(self) -> None:
        await self.make_durable()
        other = SqliteState(Settings(), OnePart(Path("/nonexistent/mailtwist")))
        self.addCleanup(other._db._threads.stop)
        with self.assertRaises(StateAway):
            await other.start()

    async def test_the_networks_of_a_device_are_bounded(self) -> None:
        state = await self.make_durable()
        for n in range(NETWORKS + 5):
            await state.remember(a_device(f"d{n}", NOW + n, f"10.0.{n}.0/24"), 2)
        device = await state.device("ann", [f"lookup of d{NETWORKS + 4}".encode()])
        assert device is not None
        self.assertEqual(len(device.networks), NETWORKS)
        self.assertTrue(device.knows(f"10.0.{NETWORKS + 4}.0/24"))
        self.assertFalse(device.knows("10.0.0.0/24"))
