"""SQLite in threads."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started, together
from mailtwist.kit.threads import Threads
from mailtwist.state import database
from mailtwist.state.api import StateAway
from mailtwist.state.database import Database

SCHEMA = (("CREATE TABLE numbers (n INTEGER PRIMARY KEY)",),)


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM numbers").fetchone()[0])


class DatabaseTests(TestCase):
    def setUp(self) -> None:
        self.threads = Threads("test", 4)
        self.addCleanup(self.threads.stop)
        self.path = Path(self.mktemp())
        self.db = Database(self.path, self.threads, SCHEMA)
        self.addCleanup(self.db._close)

    async def add(self, number: int) -> None:
        await self.db.write(lambda db: db.execute("INSERT INTO numbers VALUES (?)", (number,)))

    async def test_what_is_written_is_synced_fully(self) -> None:
        await self.add(1)
        modes = await self.db.read(
            lambda db: [
                db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
            ]
        )
        self.assertEqual(modes, ["wal", 2])

    async def test_many_threads_write_at_once(self) -> None:
        await together(*(self.add(n) for n in range(40)))
        self.assertEqual(await self.db.read(count), 40)

    async def test_each_change_by_whomever_gives_another_version(self) -> None:
        self.assertIsNone(self.db.version())
        await self.db.open()
        seen = [self.db.version()]
        await self.add(1)
        seen.append(self.db.version())
        with sqlite3.connect(self.path) as other:
            other.execute("INSERT INTO numbers VALUES (2)")
        seen.append(self.db.version())
        script = (
            "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]);"
            " d.execute('DELETE FROM numbers'); d.commit()"
        )
        subprocess.run([sys.executable, "-c", script, str(self.path)], check=True)
        seen.append(self.db.version())
        self.assertEqual(len(set(seen)), 4)
        self.assertNotIn(None, seen)
        self.assertEqual(await self.db.read(count), 0)
        self.assertEqual(self.db.version(), seen[-1])

    async def test_what_others_change_while_it_is_closed_counts_too(self) -> None:
        await self.db.open()
        before = self.db.version()
        await self.db.close()
        with sqlite3.connect(self.path) as other:
            other.execute("INSERT INTO numbers VALUES (2)")
        await self.db.open()
        self.assertNotIn(self.db.version(), (before, None))

    async def test_a_closed_database_tells_no_version(self) -> None:
        await self.db.open()
        await self.db.close()
        self.assertIsNone(self.db.version())

    async def test_work_that_fails_leaves_nothing(self) -> None:
        def half(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO numbers VALUES (1)")
            raise KeyError("half way")

        for _ in range(10):
            with self.assertRaises(KeyError):
                await self.db.write(half)
        self.assertEqual(await self.db.read(count), 0)

    async def test_what_sqlite_cannot_do_is_temporary_trouble(self) -> None:
        await self.add(1)
        with self.assertRaises(StateAway):
            await self.add(1)
        await self.add(2)
        self.assertEqual(await self.db.read(count), 2)

    async def test_a_full_disk_is_temporary_trouble_and_passes(self) -> None:
        await self.add(1)

        def fill(db: sqlite3.Connection) -> None:
            db.execute("PRAGMA max_page_count = 1")
            for n in range(10, 20000):
                db.execute("INSERT INTO numbers VALUES (?)", (n,))

        with self.assertRaises(StateAway) as away:
            await self.db.write(fill)
        self.assertIn("full", away.exception.detail)
        await self.add(2)
        self.assertEqual(await self.db.read(count), 2)

    async def test_another_process_that_writes_keeps_nobody_from_reading(self) -> None:
        """Such as an operator's sqlite3 with a transaction left open."""
        await self.add(1)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        waiting = [started(self.add(n)) for n in range(2, 12)]  # more than there are threads
        for one in waiting[::2]:  # clients that go
            one.cancel()
            self.failureResultOf(one, CancelledError)
        for _ in range(20):
            self.assertEqual(await self.db.read(count), 1)
        self.assertEqual([one.called for one in waiting[1::2]], [False] * 5)
        other.execute("ROLLBACK")
        for one in waiting[1::2]:
            await one
        self.assertEqual(await self.db.read(count), 11)

    async def test_another_process_that_writes_for_too_long_is_temporary_trouble(self) -> None:
        self.patch(database, "BUSY", 0.01)
        await self.db.open()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        with self.assertRaises(StateAway) as away:
            await self.add(1)
        self.assertIn("locked", away.exception.detail)
        other.execute("ROLLBACK")
        await self.add(1)

    async def test_a_file_that_is_no_database_is_trouble(self) -> None:
        self.path.write_bytes(b"no database, " * 1000)
        with self.assertRaises(StateAway):
            await self.db.open()

    async def test_a_process_that_comes_and_goes_does_not_cut_this_one_off(self) -> None:
        """Locks of POSIX belong to the process: closing any descriptor of the file lets go of all of them,
        and then the next process that leaves takes the write-ahead log away."""
        await together(*(self.add(n) for n in range(8)))  # on several connections
        await together(*(self.db.read(count) for _ in range(8)))
        log = Path(f"{self.path}-wal")
        before = log.stat().st_ino
        for n in range(100, 103):
            await self.threads.run(self.add_elsewhere, n)
            self.assertEqual(log.stat().st_ino, before)
            self.assertEqual(await self.db.read(count), 8 + n - 99)
        await self.add(200)
        self.assertEqual(await self.threads.run(self.count_elsewhere), 12)

    def add_elsewhere(self, number: int) -> None:
        self.elsewhere(f"db.execute('INSERT INTO numbers VALUES ({number})')")

    def count_elsewhere(self) -> int:
        return int(self.elsewhere("print(db.execute('SELECT count(*) FROM numbers').fetchone()[0])"))

    def elsewhere(self, statement: str) -> str:
        """What another process prints that opens the file, does this, and ends."""
        program = (
            f"import sqlite3; db = sqlite3.connect({str(self.path)!r}); {statement}; db.commit(); db.close()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return done.stdout

    async def test_what_was_to_be_written_is_before_it_closes(self) -> None:
        waiting = [started(self.add(n)) for n in range(10)]
        for one in waiting:
            one.cancel()
            self.failureResultOf(one, CancelledError)
        await self.db.close()
        with sqlite3.connect(self.path) as other:
            self.assertEqual(count(other), 10)
        other.close()

    async def test_a_closed_database_opens_again(self) -> None:
        await self.add(1)
        await self.db.close()
        self.assertEqual(await self.db.read(count), 1)
