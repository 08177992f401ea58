"""Floods of keys: room stays bounded, and what counts for more is not pushed out by what counts for less."""

from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import together
from mailtwist.state.records import Ban, Bucket, Charge, Denied
from mailtwist.state.volatile import file, memory
from mailtwist.state.volatile.memory import MemoryState, Settings
from mailtwist.state.volatile.shelves import least_worthy
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.volatile import MakesVolatile
from tests.state.volatile.sqlite_states import MakesSqlite

DAY = 86400.0
LONG = 30 * DAY


class WorthTests(TestCase):
    def test_the_lowest_level_goes_that_has_more_than_its_share(self):
        for weights, level in (
            ({1: 300, 2: 300}, 1),
            ({1: 10, 2: 300, 3: 300}, 2),
            ({0: 0, 7: 510}, 7),
            ({n: 30 for n in range(20)} | {5: 31}, 5),
        ):
            self.assertEqual(least_worthy(weights, 500), level)


class FloodTests(MakesVolatile):
    FLOOD = 1500

    async def guess(self, state, bucket, times=1):
        for _ in range(times):
            charge = await state.charge([bucket], 60)
            self.assertIsInstance(charge, Charge)
            await state.keep(charge)

    async def flood(self, state, window, times=1):
        """So many keys that others have never seen, each charged so often."""
        for begin in range(0, self.FLOOD, 100):
            for _ in range(times):
                names = [f"flood {window} {begin + n}" for n in range(100)]
                charges = await together(*(state.charge([Bucket(name, 100, window)], 60) for name in names))
                await together(*(state.keep(charge) for charge in charges))

    async def test_a_long_budget_is_not_pushed_out(self):
        state = await self.make_volatile()
        victim = Bucket("victim", 5, LONG)
        await self.guess(state, victim, 5)
        await self.flood(state, 900.0)
        await self.flood(state, LONG)
        self.assertIsInstance(await state.charge([victim], 60), Denied)
        self.assertTrue(await self.bounded(state))

    async def test_a_budget_that_is_used_up_in_the_middle_of_a_flood_stays(self):
        state = await self.make_volatile()
        victim = Bucket("victim", 8, LONG)
        await self.flood(state, LONG, 2)
        for _ in range(8):
            await self.guess(state, victim)
            names = [f"more {await state.spent('victim', LONG)} {n}" for n in range(20)]
            await together(*(state.charge([Bucket(name, 100, LONG)], 60) for name in names))
        await self.flood(state, LONG, 2)
        self.assertIsInstance(await state.charge([victim], 60), Denied)

    async def test_of_what_is_worth_the_same_the_oldest_goes(self):
        state = await self.make_volatile()
        for name in ("b", "a", "c"):
            await self.guess(state, Bucket(name, 5, LONG))
            await self.flood(state, LONG)
            await self.pass_time(1)
        await self.guess(state, Bucket("a new one", 5, LONG))
        await self.pass_time(1)
        names = [f"more {n}" for n in range(60)]
        await together(*(state.charge([Bucket(name, 100, LONG)], 60) for name in names))
        await self.guess(state, Bucket("and one more", 5, LONG))
        left = [await state.spent(name, LONG) for name in ("a", "b", "c", "a new one")]
        self.assertEqual(left, [0, 0, 0, 1])

    async def test_short_limits_hold_in_a_flood_of_long_ones(self):
        state = await self.make_volatile()
        await self.flood(state, LONG)
        for limit in (1, 3):
            await self.guess(state, Bucket(f"short {limit}", limit, 900), limit)
        await self.flood(state, LONG)
        for limit in (1, 3):
            self.assertIsInstance(await state.charge([Bucket(f"short {limit}", limit, 900)], 60), Denied)

    async def test_strings_refused_for_a_month_outlive_those_refused_for_minutes(self):
        state = await self.make_volatile()
        await state.refuse(b"a phone's old string", LONG)
        for begin in range(0, self.FLOOD, 100):
            await together(*(state.refuse(b"%d" % (begin + n), 300) for n in range(100)))
        self.assertIsNotNone(await state.refused(b"a phone's old string"))
        self.assertTrue(await self.bounded(state))

    async def test_bans_by_an_admin_outlive_others(self):
        state = await self.make_volatile()
        now = self.clock.now()
        await state.ban(Ban("address 203.0.113.0/24", "abuse", now + DAY, by="root"))
        for begin in range(0, self.FLOOD, 100):
            bans = [Ban(f"address 10.0.{begin}.{n}/32", "x", now + DAY) for n in range(100)]
            await together(*(state.ban(ban) for ban in bans))
        self.assertIsNotNone(await state.banned(["address 203.0.113.0/24"]))
        self.assertTrue(await self.bounded(state))

    async def test_many_members_of_many_keys_are_bounded(self):
        state = await self.make_volatile()
        for begin in range(0, self.FLOOD, 100):
            await together(*(state.add_distinct(f"{begin}", b"%d" % n, 900) for n in range(100)))
        self.assertTrue(await self.bounded(state))

    async def test_what_is_over_is_gone(self):
        state = await self.make_volatile()
        await self.flood(state, 60.0)
        await self.pass_time(200)
        await self.flood(state, 900.0)
        await state.refuse(b"x", 60)
        await self.pass_time(2)
        await state.refuse(b"y", 60)
        self.assertEqual(await self.left(state, 60.0), 0)


class MemoryFloodTests(FloodTests, TestCase):
    async def make_volatile(self):
        self.clock = ManualClock()
        with patch.object(memory, "MOST", 500):
            return MemoryState(Settings(), OnePart(Path("nowhere"), clock=self.clock))

    async def bounded(self, state):
        totals = [total for shelf in state._shelves._shelves.values() for total in shelf._totals.values()]
        return max(totals) <= 500

    async def test_what_is_over_is_gone(self):
        state = await self.make_volatile()
        await self.flood(state, 60.0)
        await self.pass_time(200)
        for n in range(260):
            await self.guess(state, Bucket(f"new {n}", 1, 60))
        shelf = state._shelves._shelves["bucket"]
        over = [entry for entry in shelf._entries.values() if entry.until <= self.clock.now()]
        self.assertEqual(over, [])


class SqliteFloodTests(MakesSqlite, FloodTests, TestCase):
    def setUp(self):
        self.patch(file, "OCTETS", 100_000)
        self.patch(file, "CLEARING", 0.0)

    async def bounded(self, state):
        sizes = state._file._db.execute("SELECT sum(octets) FROM sizes GROUP BY kind, room").fetchall()
        return max(octets for (octets,) in sizes) < 130_000

    async def left(self, state, room):
        found = state._file._db.execute("SELECT count(*) FROM facts WHERE room = ?", (room,))
        return found.fetchone()[0]

    async def test_sizes_are_those_of_the_facts(self):
        state = await self.make_volatile()
        await self.flood(state, 900.0)
        await self.guess(state, Bucket("k", 9, LONG), 9)
        await state.clear(["k"])
        counted = (
            "SELECT kind, room, level, sum(length(key) + length(value) + 80) FROM facts GROUP BY 1, 2, 3"
        )
        db = state._file._db
        sizes = set(db.execute("SELECT * FROM sizes WHERE octets <> 0").fetchall())
        self.assertEqual(sizes, set(db.execute(counted).fetchall()))
