"""The index of one account: a SQLite file beside the mail.  It can be deleted; the Maildir tells it again."""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from mailtwist.kit.boot import THIS_BOOT
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateUnusable
from mailtwist.state.migrations import migrate
from mailtwist.store.api import Damaged

FILE = "mailtwist-index"
BUSY = 20.0  # seconds that a writer waits for another process

MIGRATIONS = (
    (
        """CREATE TABLE mailboxes (
            uid_validity INTEGER PRIMARY KEY,
            folder TEXT NOT NULL UNIQUE,
            uid_next INTEGER NOT NULL,
            uid_mark INTEGER NOT NULL,
            modseq INTEGER NOT NULL,
            recent_from INTEGER NOT NULL DEFAULT 1,
            gone_floor INTEGER NOT NULL,
            special_use TEXT,
            rebuilding INTEGER NOT NULL DEFAULT 1,
            seen_mtime INTEGER NOT NULL DEFAULT 0,
            unsure_since REAL NOT NULL DEFAULT 0
        )""",
        """CREATE TABLE messages (
            mailbox INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            base TEXT NOT NULL,
            letters TEXT NOT NULL,
            size INTEGER NOT NULL,
            stored INTEGER NOT NULL,
            received REAL NOT NULL,
            zone INTEGER NOT NULL,
            modseq INTEGER NOT NULL,
            PRIMARY KEY (mailbox, uid)
        ) WITHOUT ROWID""",
        "CREATE INDEX messages_changed ON messages (mailbox, modseq)",
        """CREATE TABLE gone (
            mailbox INTEGER NOT NULL,
            modseq INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            PRIMARY KEY (mailbox, modseq, uid)
        ) WITHOUT ROWID""",
        """CREATE TABLE doomed (
            mailbox INTEGER NOT NULL,
            base TEXT NOT NULL,
            PRIMARY KEY (mailbox, base)
        ) WITHOUT ROWID""",
        "CREATE TABLE account (last_uid_validity INTEGER NOT NULL)",
        "INSERT INTO account VALUES (0)",
    ),
    (
        """CREATE TABLE facts (
            mailbox INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            what TEXT NOT NULL,
            fact BLOB NOT NULL,
            PRIMARY KEY (mailbox, uid, what)
        ) WITHOUT ROWID""",
    ),
    (  # what all messages are together: kept by SQLite itself, whoever adds and takes away
        "ALTER TABLE account ADD COLUMN octets INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE account ADD COLUMN messages INTEGER NOT NULL DEFAULT 0",
        """UPDATE account SET messages = (SELECT count(*) FROM messages),
            octets = (SELECT coalesce(sum(size), 0) FROM messages)""",
        """CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN
            UPDATE account SET octets = octets + new.size, messages = messages + 1; END""",
        """CREATE TRIGGER message_dropped AFTER DELETE ON messages BEGIN
            UPDATE account SET octets = octets - old.size, messages = messages - 1; END""",
        """CREATE TRIGGER message_measured AFTER UPDATE OF size ON messages BEGIN
            UPDATE account SET octets = octets + new.size - old.size; END""",
    ),
    ("ALTER TABLE account ADD COLUMN unsynced TEXT NOT NULL DEFAULT ''",),
    (
        """CREATE TABLE keywords (
            mailbox INTEGER NOT NULL,
            letter TEXT NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (mailbox, letter)
        ) WITHOUT ROWID""",
    ),
)

_FULL_OR_BROKEN = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class IndexDamaged(Damaged):
    """The index was set aside; the next use makes a new one from the Maildir."""

    def __init__(self, detail: str) -> None:
        super().__init__("The mailbox is being repaired, try again later", detail)


class Index:
    """A connection to one account's index.  Blocks; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):  # and then it is not opened: closing it would drop SQLite's locks
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self.path = path
        self.begun = False  # whoever lends it out says when the account is ready
        self._wrote = False
        self._inode = os.stat(path).st_ino
        self._db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            if self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._lasting = True
            migrate(self._db, MIGRATIONS, str(path))
        except BaseException:
            self._db.close()
            raise
        self.execute = self._db.execute
        self.executemany = self._db.executemany

    @property
    def current(self) -> bool:
        """The file has not been deleted or replaced meanwhile."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            return False

    @contextmanager
    def transaction(self, lasting: bool = True) -> Iterator[list[Callable[[], object]]]:
        """All of it is on the disk at the end, or nothing; alone among all processes.  What was done to
        files is taken back by the calls put on the list, last first, when something fails.  What need not
        be `lasting` is on the disk with the next that is; until then a power cut may take it."""
        undo: list[Callable[[], object]] = []
        self._begin(lasting or not THIS_BOOT)
        try:
            yield undo
            self.execute("COMMIT")
        except BaseException:
            for call in reversed(undo):  # before others are let in
                with suppress(OSError):
                    call()
            with suppress(sqlite3.Error):
                self.execute("ROLLBACK")
            raise

    def _begin(self, lasting: bool) -> None:
        """Before the first that need not last, it is synced that there may be such."""
        self._wrote = True
        self._sync_each(lasting)
        self.execute("BEGIN IMMEDIATE")
        while not lasting and not self._marked():
            self.execute("ROLLBACK")
            with self.transaction():
                self.mark(THIS_BOOT)
            self._sync_each(False)
            self.execute("BEGIN IMMEDIATE")

    def _sync_each(self, lasting: bool) -> None:
        if lasting != self._lasting:
            self.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
            self._lasting = lasting

    def mark(self, boot: str) -> None:
        """Since that boot of the system a power cut may take away what is here; empty: it may not."""
        self.execute("UPDATE account SET unsynced = ?", (boot,))

    def _marked(self) -> str:
        (boot,) = self.execute("SELECT unsynced FROM account").fetchone()
        return str(boot)

    @property
    def may_be_behind(self) -> bool:
        """The system was booted since: the files know more."""
        return self._marked() not in ("", THIS_BOOT)

    @property
    def changes(self) -> int:
        """A number that is another one after each change by this connection."""
        return self._db.total_changes

    def close(self) -> None:
        """Whoever is the last one to close it syncs it, after the word that it is synced.  Who has only read
        has no word in this."""
        with suppress(sqlite3.Error):
            if self._wrote and self._marked() == THIS_BOOT:
                self.mark("")
        self._db.close()


class Indexes:
    """Open indexes, the least recently used closed first when there are more than `limit` idle ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._idle: OrderedDict[Path, Index] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def lent(self, path: Path) -> Iterator[Index]:
        """The index at `path`, for one thread.  What SQLite has to say comes as `Trouble`; a damaged index
        is set aside: the next time finds a new one."""
        with self._lock:
            index = self._idle.pop(path, None)
        if index is not None and not index.current:
            index.close()
            index = None
        try:
            index = index or _opened(path)
            yield index
        except sqlite3.Error as error:
            if index is not None:
                index.close()
            raise _trouble(path, error) from error
        except StateUnusable as error:  # mail is not refused for good because of it
            raise Trouble("4.3.5", error.public, error.detail) from error
        except BaseException:
            if index is not None:
                self._return(path, index)
            raise
        self._return(path, index)

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.popitem()[1].close()

    def _return(self, path: Path, index: Index) -> None:
        with self._lock:
            other = self._idle.pop(path, None)
            if other is not None and other.begun and other.current:
                index, other = other, index
            self._idle[path] = index
            if other is None and len(self._idle) > self._limit:
                other = self._idle.popitem(last=False)[1]
        if other is not None:
            other.close()


def _opened(path: Path) -> Index:
    try:
        return Index(path)
    except UnicodeDecodeError as error:  # of what SQLite says about a schema that is damaged
        raise sqlite3.DatabaseError(f"Could not decode what is in it: {error}") from error


def _trouble(path: Path, error: sqlite3.Error) -> Exception:
    code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    if code in _FULL_OR_BROKEN:
        return Trouble("4.3.1", "Insufficient system storage, try again later", f"{path}: {error}")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Trouble("4.3.0", "The mailbox is busy, try again later", f"{path}: {error}")
    if code in _DAMAGED or str(error).startswith("Could not decode"):
        set_aside(path)
        return IndexDamaged(f"{path}: {error}")
    return error


def set_aside(path: Path) -> None:
    """The index at `path` is one no more; whoever has it open sees that."""
    with suppress(FileNotFoundError):
        os.replace(path, path.with_name(f"{path.name}.damaged"))
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")
