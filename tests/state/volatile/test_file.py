"""The SQLite file of volatile state in bad times: damaged, locked, full, gone, and while clocks are set."""

import os
import sqlite3
import stat
from unittest.mock import patch

from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started, together
from mailtwist.state.api import StateAway, StateUnusable
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.state.volatile import file, words
from mailtwist.state.volatile.file import AGAIN, BEGUN_ANEW
from mailtwist.state.volatile.schema import MIGRATIONS
from mailtwist.state.volatile.sqlite import Settings, SqliteVolatileState
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from tests.state.volatile.sqlite_states import MakesSqlite

BUCKET = Bucket("k", 2, 900)
DAY = 86400.0


class SqliteTestCase(MakesSqlite, TestCase):
    async def guess(self, state, bucket=BUCKET, times=1):
        for _ in range(times):
            charge = await state.charge([bucket], 60)
            assert isinstance(charge, Charge), charge
            await state.keep(charge)

    def other_connection(self):
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        return connection


class FileTests(SqliteTestCase):
    async def test_the_files_are_nobody_elses_to_read(self):
        await self.guess(await self.make_volatile())
        names = ["volatile.sqlite", "volatile.sqlite-shm", "volatile.sqlite-wal", "volatile.sqlite.lock"]
        self.assertEqual(sorted(os.listdir(self.folder)), names)
        for name in names:
            self.assertEqual(stat.S_IMODE(os.stat(self.folder / name).st_mode), 0o600, name)

    async def test_it_may_lie_elsewhere(self):
        await self.make_volatile()
        path = self.folder / "shared.sqlite"
        states = [
            SqliteVolatileState(Settings(path=path), OnePart(self.folder / name, clock=self.clock))
            for name in ("one", "other")
        ]
        for state in states:
            self.addCleanup(state.stop)
        await self.guess(states[0])
        self.assertEqual(await states[1].spent("k", 900), 1)

    async def test_it_outlives_the_process(self):
        state = await self.make_volatile()
        await self.guess(state)
        await state.refuse(b"h", DAY)
        await state.stop()
        self.assertNotIn("volatile.sqlite-wal", os.listdir(self.folder))
        again = await self.opened()
        self.assertEqual(await again.spent("k", 900), 1)
        self.assertEqual(await again.refused(b"h"), 0)

    async def test_a_file_that_is_removed_is_made_again(self):
        state = await self.make_volatile()
        other = await self.beside(state)
        await self.guess(state)
        self.path.unlink()
        await self.guess(state)
        await self.guess(other)
        self.assertEqual(await state.spent("k", 900), 2)

    async def test_what_waits_is_done_in_one_transaction(self):
        state = await self.make_volatile()
        transactions = []
        apply = state._file.apply

        def counted(jobs):
            transactions.append(len(jobs))
            return apply(jobs)

        state._file.apply = counted
        await together(*(state.refuse(bytes([n]), 60) for n in range(100)))
        self.assertEqual(sum(transactions), 100)
        self.assertLess(len(transactions), 3)

    async def test_a_mistake_of_one_is_nobody_elses(self):
        state = await self.make_volatile()
        charges = [
            started(state.charge([bucket], 60))
            for bucket in (BUCKET, Bucket("z", 1, 0.0), Bucket("y", 1, 60))
        ]
        self.assertIsInstance(await charges[0], Charge)
        with self.assertRaises(ZeroDivisionError):
            await charges[1]
        self.assertIsInstance(await charges[2], Charge)
        self.assertEqual(await state.spent("k", 900), 1)

    async def test_any_key_is_a_key(self):
        """Directories give accounts whatever ids they like."""
        state = await self.make_volatile()
        keys = ("\x00x", "\x00y", "a\x00b", "a", "\ud800", "\r\n", "\u2028", "'\"\\", "\U0001f600")
        for key in keys:
            await self.guess(state, Bucket(key, 9, 900))
        self.assertEqual([await state.spent(key, 900) for key in keys], [1] * len(keys))
        await state.clear(keys[:2])
        self.assertEqual([await state.spent(key, 900) for key in keys[:3]], [0, 0, 1])

    async def test_what_cannot_be_written_damages_nothing(self):
        state = await self.make_volatile()
        await self.guess(state)
        for number in (float("inf"), float("nan")):
            with self.assertRaises(ValueError):
                await state.charge([BUCKET], number)
        self.assertEqual(await state.spent("k", 900), 1)
        self.assertNotIn("volatile.sqlite.damaged", os.listdir(self.folder))

    async def test_who_leaves_is_not_charged_and_leads_nothing(self):
        state = await self.make_volatile()
        charge, lead = started(state.charge([BUCKET], 60)), started(state.lead(b"w", 15))
        for one in (charge, lead):
            one.addErrback(lambda failure: None)
            one.cancel()
        await state.announce(b"done")
        await state.announce(b"and taken back")
        self.assertEqual(await state.spent("k", 900), 0)
        self.assertIsNotNone(await state.lead(b"w", 15))

    async def test_who_follows_at_the_end_is_let_go(self):
        state = await self.make_volatile()
        await state.lead(b"w", 15)
        follower = started(state.follow(b"w"))
        await state.announce(b"it follows")
        await state.stop()
        self.assertIsNone(await follower)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_who_comes_after_the_end_waits_for_nobody(self):
        state = await self.make_volatile()
        await state.lead(b"w", 15)
        await state.stop()
        with self.assertRaises(StateAway):
            await state.follow(b"w")

    async def test_others_are_heard_again_after_whatever_went_wrong(self):
        state = await self.make_volatile()
        other = await self.beside(state)
        heard = []
        state.listen(heard.append)
        with patch.object(words, "beyond", side_effect=ZeroDivisionError):
            await self.pass_time(0.3)
            for one in (state, other):
                await one.announce(b"while nobody can look")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        await self.eventually(lambda: len(heard) == 2)


class TroubleTests(SqliteTestCase):
    async def test_a_folder_that_is_gone_is_temporary_trouble(self):
        folder = self.mktemp()
        state = SqliteVolatileState(Settings(), OnePart(file.Path(folder), clock=ManualClock()))
        self.addCleanup(state.stop)
        with self.assertRaises(StateAway):
            await state.start()

    async def test_a_newer_file_is_left_alone(self):
        state = await self.make_volatile()
        await state.stop()
        self.other_connection().execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with self.assertRaises(StateUnusable):
            await self.opened()

    async def test_a_process_that_holds_the_file_is_waited_for_and_then_it_is_temporary_trouble(self):
        with patch.object(file, "BUSY", 0.1):
            state = await self.make_volatile()
            other = self.other_connection()
            other.execute("BEGIN IMMEDIATE")
            with self.assertRaises(StateAway):
                await state.charge([BUCKET], 60)
            self.assertIsNone(await state.refused(b"h"))  # reading goes on
            other.execute("ROLLBACK")
            await self.guess(state)
            self.assertEqual(await state.spent("k", 900), 1)

    async def test_a_full_disk_is_temporary_trouble_and_then_none(self):
        state = await self.make_volatile()
        await self.guess(state)
        db = state._file._db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        with self.assertRaises(StateAway):
            while True:
                db.execute(f"PRAGMA max_page_count = {pages}")
                await state.refuse(os.urandom(600), DAY)
        self.assertEqual(await state.spent("k", 900), 1)
        await state.refuse(b"h", DAY)
        self.assertEqual(await state.refused(b"h"), 0)
        self.assertEqual(os.listdir(self.folder).count("volatile.sqlite.damaged"), 0)

    async def test_a_code_that_the_durable_state_knows_stays_used_when_the_file_is_lost(self):
        state = await self.make_volatile()
        self.assertIs(await state.use_once("t", 10, -1, b"x", "a", 20), Use.NEW)
        await state.stop()
        self.path.write_bytes(b"not a database" * 1000)
        again = await self.opened()
        self.assertIs(await again.use_once("t", 10, 10, b"y", "b", 20), Use.REPLAY)


class DamageTests(SqliteTestCase):
    async def spoilt(self, state, pages):
        """From so many pages on there is nonsense in the file."""
        await self.guess(state)
        await state.refuse(os.urandom(20_000), DAY)
        await state.stop()
        size = self.path.stat().st_size
        with self.path.open("r+b") as written:
            written.seek(4096 * pages, os.SEEK_SET if pages > 0 else os.SEEK_END)
            written.write(b"\xa5" * (size - written.tell()))

    async def test_a_damaged_file_is_put_aside_and_begun_anew(self):
        state = await self.make_volatile()
        await self.spoilt(state, 1)
        with capturedLogs() as events:
            state = await self.opened()
            await self.guess(state, times=2)
        told = [event for event in events if event.get("event_id") == BEGUN_ANEW.id]
        self.assertEqual(len(told), 1)
        self.assertEqual(told[0]["path"], str(self.path))
        self.assertTrue((self.folder / "volatile.sqlite.damaged").exists())
        self.assertIsInstance(await state.charge([BUCKET], 60), Denied)

    async def test_what_is_no_database_is_put_aside(self):
        await (await self.make_volatile()).stop()
        self.path.write_bytes(b"\x00\xff no database \r\n" * 500)
        await self.guess(await self.opened(), times=2)
        aside = (self.folder / "volatile.sqlite.damaged").read_bytes()
        self.assertTrue(aside.startswith(b"\x00\xff no database"))

    async def test_facts_that_cannot_be_read_are_damage(self):
        for value in ("[1, 2", "[]", "{}", "[900, 1, 2, 3, 7]", '"x"', "null"):
            state = await self.make_volatile()
            await self.guess(state)
            self.other_connection().execute("UPDATE facts SET value = ? WHERE kind = 'bucket'", (value,))
            self.assertEqual(await state.spent("k", 900), 0, value)
            self.assertTrue((self.folder / "volatile.sqlite.damaged").exists(), value)

    async def test_all_processes_go_on_with_the_new_file(self):
        state = await self.make_volatile()
        other = await self.beside(state)
        heard = []
        other.listen(heard.append)
        await self.guess(state)
        self.other_connection().execute("UPDATE facts SET value = '[' WHERE kind = 'bucket'")
        await self.guess(state)
        await self.guess(other)
        for one in (state, other):
            self.assertEqual(await one.spent("k", 900), 2)
        await self.pass_time(1)
        await state.announce(b"one")
        await self.eventually(lambda: heard)
        self.assertEqual(heard, [b"one"])

    async def test_a_disk_that_damages_files_again_and_again_opens_no_limits(self):
        state = await self.make_volatile()
        for _ in range(2):
            await self.guess(state)
            self.other_connection().execute("UPDATE facts SET value = '[' WHERE kind = 'bucket'")
            with capturedLogs():
                answer = started(state.charge([BUCKET], 60))
                answer.addErrback(lambda failure: failure.trap(StateAway) and None)
                await answer
        with self.assertRaises(StateAway):
            await state.charge([BUCKET], 60)
        await self.pass_time(AGAIN + 1)
        await self.guess(state)

    async def test_after_the_machine_has_ended_a_damaged_file_is_found_at_once(self):
        state = await self.make_volatile()
        await self.spoilt(state, -1)
        await (await self.opened()).stop()  # nobody has looked there
        self.assertNotIn("volatile.sqlite.damaged", os.listdir(self.folder))
        boot = self.folder / "boot_id"
        boot.write_text("another\n")
        with patch.object(file, "BOOT_ID", boot):
            await self.opened()
        self.assertIn("volatile.sqlite.damaged", os.listdir(self.folder))


class ClockTests(SqliteTestCase):
    """The machine's clock is set while the server runs."""

    def set_clock(self, seconds):
        self.clock._begin += seconds

    async def test_a_clock_that_is_set_back_locks_nobody_for_longer(self):
        state = await self.make_volatile()
        await self.pass_time(10)
        await self.guess(state, times=2)
        self.set_clock(-3600)
        denied = await state.charge([BUCKET], 60)
        self.assertIsInstance(denied, Denied)
        self.assertLess(denied.retry, 2 * 900)
        await self.pass_time(denied.retry + 1)
        await self.guess(state)

    async def test_a_clock_that_is_set_back_opens_no_limit(self):
        state = await self.make_volatile()
        await self.guess(state, times=2)
        for _ in range(3):
            self.set_clock(-900)
            self.assertIsInstance(await state.charge([BUCKET], 60), Denied)
        other = await self.beside(state)
        self.assertIsInstance(await other.charge([BUCKET], 60), Denied)

    async def test_a_clock_that_is_set_forward_opens_short_limits_once_and_no_long_ones(self):
        state = await self.make_volatile()
        long = Bucket("long", 2, 30 * DAY)
        await self.guess(state, times=2)
        await self.guess(state, long, times=2)
        self.set_clock(3600)
        self.assertIsInstance(await state.charge([long], 60), Denied)
        await self.guess(state, times=2)
        self.set_clock(-3600)
        self.assertIsInstance(await state.charge([BUCKET], 60), Denied)
        self.set_clock(3600)
        self.assertIsInstance(await state.charge([BUCKET], 60), Denied)

    async def test_after_the_clock_was_right_again_time_goes_on(self):
        state = await self.make_volatile()
        self.set_clock(-3600)
        await state.refuse(b"h", 100)
        await self.pass_time(50)
        self.set_clock(3600)
        self.assertEqual(await state.refused(b"h"), 50)
        await self.pass_time(50)
        self.assertIsNone(await state.refused(b"h"))

    async def test_bans_go_by_the_date(self):
        state = await self.make_volatile()
        await self.guess(state)
        self.set_clock(-3600)
        await state.ban(Ban("a", "x", self.clock.now() + 60))
        await self.pass_time(59)
        self.assertIsNotNone(await state.banned(["a"]))
        await self.pass_time(2)
        self.assertIsNone(await state.banned(["a"]))
