"""SQLite, whose file somebody else writes."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from mailtwist.auth.directories.sql.api import (
    MOST_ROWS,
    Connection,
    Kept,
    NotSayable,
    QueryFailed,
    Rows,
    Values,
    away,
    checked,
    failed,
    only_one,
)
from mailtwist.auth.directories.sql.queries import Statement
from mailtwist.auth.directories.sql.settings import Settings
from mailtwist.kit.steps import step

LOOK_EVERY = 10_000
"""Of SQLite's own steps: some tenths of a millisecond."""
_GONE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY)


class Sqlite:
    """`Database`.  A file that is only read when nothing is to be written, and never made."""

    def __init__(self, settings: Settings) -> None:
        self._mode = "ro" if settings.update_password_query is None else "rw"
        self._seconds = float(settings.timeout)

    def connect(self, place: str) -> Connection:
        uri = f"file:{quote(place)}?mode={self._mode}"
        try:
            db = sqlite3.connect(
                uri, self._seconds / 2, uri=True, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise away(place, error) from None
        step("opened {place} ({mode})", place=place, mode=self._mode)
        return SqliteConnection(db, place, self._seconds)


class SqliteConnection:
    def __init__(self, db: sqlite3.Connection, place: str, seconds: float) -> None:
        self._db = db
        self._place = place
        self._seconds = seconds
        self._until = 0.0
        self._open = threading.Lock()
        db.text_factory = _text
        db.set_progress_handler(self._is_late, LOOK_EVERY)

    def found(self, statement: Statement, values: Values) -> Rows:
        with self._asking():
            cursor = self._db.execute(statement.text, statement.bound(values))
            return checked(cursor.fetchmany(MOST_ROWS + 1), [one[0] for one in cursor.description or ()])

    def changed(self, statement: Statement, values: Values, kept: Kept) -> int:
        with self._asking():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                count = only_one(self._db.execute(statement.text, statement.bound(values)).rowcount, kept)
                self._db.execute("COMMIT")
                return count
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def tried(self, statement: Statement, values: Values) -> None:
        with self._asking():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("EXPLAIN " + statement.text, statement.bound(values)).fetchall()
            finally:
                self._db.execute("ROLLBACK")

    def abort(self) -> None:
        with self._open:
            self._db.interrupt()

    def close(self) -> None:
        with self._open:
            self._db.close()

    def _is_late(self) -> bool:
        return time.monotonic() > self._until

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._until = time.monotonic() + self._seconds
        try:
            yield
        except sqlite3.Error as error:
            if isinstance(error, sqlite3.OperationalError) and self._is_late():
                raise QueryFailed("the query takes too long") from None
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _GONE:
                raise away(self._place, error) from None
            raise failed(error) from None
        except UnicodeEncodeError:
            raise NotSayable from None


def _text(octets: bytes) -> str | bytes:
    """What is not UTF-8 stays as it is: that is trouble with one row, and not with the file."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets
