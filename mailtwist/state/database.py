"""A SQLite file in the state folder: opened safely, used in threads, its trouble told as trouble."""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from twisted.internet.defer import DeferredLock

from mailtwist.kit.spawn import shield, started
from mailtwist.kit.threads import Threads
from mailtwist.state.api import StateAway
from mailtwist.state.migrations import Migration, migrate

T = TypeVar("T")

BUSY = 10.0  # seconds that a writer waits for another process


class Database:
    """Connections to one file: WAL, `synchronous=FULL`, foreign keys; one per thread at work.

    What `read` and `write` are given runs in a thread.  The file is made on first use, 0600, its folder must
    exist.  Several processes may use it at once.
    """

    def __init__(self, path: Path, threads: Threads, migrations: Sequence[Migration]) -> None:
        self._path = path
        self._threads = threads
        self._migrations = migrations
        self._free: deque[sqlite3.Connection] = deque()
        self._writing = DeferredLock()
        self._opening = Lock()
        self._watch: sqlite3.Connection | None = None
        self._opened = 0

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, within one transaction that sees one state of the file."""
        return await self._threads.run(self._read, work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, once what it wrote is on the disk.  All of it, or nothing when it raises.  One
        after the other, and who waits for another process that writes takes one thread, however many come:
        the rest is for reading, and for mail.  Who stops waiting does not stop it."""
        result: T = await shield(started(self._in_turn(work)), lambda late: None)
        return result

    def version(self) -> int | None:
        """Another number than before when anybody, in whatever process, has changed the file; None when that
        cannot be said, as before `open`.  What is read afterwards is as new, or newer.  This is memory that
        the processes share: it waits for nothing, and needs no thread."""
        if self._watch is None:
            return None
        try:
            seen: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
            return self._opened << 32 | seen  # each connection counts for itself
        except sqlite3.Error:
            return None

    async def open(self) -> None:
        """The file is there with the schema of today, or it is known why not."""
        if self._watch is None:
            self._watch = await self._threads.run(self._watching)
            self._opened += 1

    async def close(self) -> None:
        """What was to be written is, and no connection is open; the next use opens one."""
        await self._writing.acquire()
        try:
            await self._threads.run(self._close)
        finally:
            self._writing.release()

    async def _in_turn(self, work: Callable[[sqlite3.Connection], T]) -> T:
        await self._writing.acquire()
        try:
            return await self._threads.run(self._write, work)
        finally:
            self._writing.release()

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection() as connection, transaction(connection, "BEGIN"):
            return work(connection)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection() as connection, transaction(connection, "BEGIN IMMEDIATE"):
            return work(connection)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._taken()
            try:
                yield connection
            except sqlite3.Error:
                connection.close()
                raise
            except BaseException:
                self._free.append(connection)
                raise
            self._free.append(connection)
        except (sqlite3.Error, OSError) as error:
            raise StateAway(f"{self._path}: {error}") from error

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._free.pop()
        except IndexError:
            with self._opening:
                return self._connect()

    def _connect(self) -> sqlite3.Connection:
        self._make()
        connection = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection, self._migrations, str(self._path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self) -> None:
        """The file is there, 0600.  One that is there is never opened here: closing any descriptor of it lets
        go of all the locks that SQLite holds for this process, and the next process to leave takes the
        write-ahead log away from under us."""
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def _watching(self) -> sqlite3.Connection:
        """A connection that never writes and never waits."""
        with self._connection():
            watch = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            watch.execute("PRAGMA data_version").fetchone()
        except BaseException:
            watch.close()
            raise
        return watch

    def _close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        with suppress(IndexError):
            while True:
                self._free.pop().close()


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """What is done within is committed at its end, or rolled back when that raises."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
