"""Durable state in a SQLite file."""

import os
import sqlite3
import stat
from hashlib import sha256
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.places import File
from mailtwist.state.api import StateAway
from mailtwist.state.durable.networks import NETWORKS
from mailtwist.state.durable.notices import MOST
from mailtwist.state.durable.schema import MIGRATIONS, RELEASED
from mailtwist.state.durable.sqlite import Settings, SqliteState
from mailtwist.state.records import Network
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.durable import NOW, DurableContract, a_notice, a_token
from mailtwist.testing.durable_devices import DAY, a_device


class SqliteDurableTests(DurableContract, TestCase):
    async def make_durable(self) -> SqliteState:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        self.assembly = OnePart(folder, clock=self.clock)
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

    async def beside(self, state: SqliteState) -> SqliteState:
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

    async def test_the_file_is_where_it_is_set(self) -> None:
        await self.make_durable()
        path = File(self.assembly.folder / "shared")
        state = SqliteState(Settings(path=path), self.assembly)
        self.addCleanup(state._db._close)
        await state.start()
        self.assertTrue(path.exists())

    async def test_a_full_spool_takes_no_more(self) -> None:
        state = await self.make_durable()
        rows = [(f"n{n}", "ann", "lock", "{}", NOW, NOW, 0) for n in range(MOST - 1)]
        await state._db.write(lambda db: db.executemany("INSERT INTO notices VALUES (?,?,?,?,?,?,?)", rows))
        self.assertEqual([await state.add_notice(a_notice(id)) for id in ("x", "y")], [True, False])


class ReleasedSchemaTests(TestCase):
    """A state folder that an older mailtwist has made."""

    def test_no_released_schema_changes(self) -> None:
        """Never make this green by another number: add a schema."""
        self.assertEqual([fingerprint(one) for one in MIGRATIONS[:1]], ["2988db3408321165"])

    async def test_what_the_first_release_knew_is_known(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        with sqlite3.connect(folder / "durable.sqlite") as db:
            for statement in RELEASED:
                db.execute(statement)
            db.executescript(
                f"""INSERT INTO pins VALUES ('key:seeds.1', x'01');
                INSERT INTO tokens VALUES ('t1','ann','totp',x'02',1,{NOW},'phone',6,30,'SHA1',-1,1);
                INSERT INTO tokens VALUES ('t2','bob','totp',x'03',1,{NOW},'',6,30,'SHA1',0,0);
                INSERT INTO used VALUES ('ann','t1',10,x'04');
                INSERT INTO devices VALUES ('d1','ann','code-string',x'05',1,{NOW},{NOW},{NOW + 90 * DAY},
                    {30 * DAY},'192.0.2.7','["imap"]','mutt','',3,NULL);
                INSERT INTO networks VALUES ('ann','d1','192.0.2.0/24',{NOW},{NOW});
                PRAGMA user_version = 1;"""
            )
        db.close()
        assembly = OnePart(folder)
        self.addCleanup(assembly.threads.stop)
        state = SqliteState(Settings(), assembly)
        self.addCleanup(state._db._close)
        await state.start()
        self.assertEqual(dict(await state.pins()), {"key:seeds.1": b"\x01"})
        (token,) = await state.tokens("ann", "totp")
        self.assertEqual((token.drift, token.active), (-30, True))
        self.assertEqual(await state.last_step("ann", "t1"), 10)
        self.assertEqual([await state.enrolled(account) for account in ("ann", "bob")], [True, False])
        device = await state.device("ann", [b"\x05"])
        assert device is not None
        self.assertEqual((device.uses, device.protocols, device.cut), (3, ("imap",), None))
        self.assertEqual((device.context, device.state(NOW)), ("standard", "active"))
        self.assertEqual(device.networks, (Network("192.0.2.0/24", NOW, NOW),))
        self.assertEqual(await state.revoke("ann", "d1", NOW, "by admin"), True)


def fingerprint(statements: tuple[str, ...]) -> str:
    return sha256("\n".join(" ".join(one.split()) for one in statements).encode()).hexdigest()[:16]
