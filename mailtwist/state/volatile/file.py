"""A SQLite file that processes of one host share, and may lose: rules applied to it, many at a time."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.python.failure import Failure

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.lock import alone
from mailtwist.state.api import StateAway
from mailtwist.state.database import transaction
from mailtwist.state.migrations import migrate
from mailtwist.state.volatile.page import DamagedFacts, Page, clear_away
from mailtwist.state.volatile.schema import MIGRATIONS
from mailtwist.state.volatile.shelves import Kind, Moment
from mailtwist.state.volatile.steady import SteadyTime

BUSY = 5.0  # seconds that we wait for another process
PAUSE = 0.0003  # and then try again, later and later
OCTETS = 32 << 20  # that facts of a kind may take, buckets of a window's length
CLEARING = 1.0  # seconds from one clearing away to the next, when nothing waits for it
AGAIN = 3600.0  # seconds before a damaged file is begun anew once more
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

BEGUN_ANEW = Event(
    "state.begun_anew",
    "{path} was damaged ({error}): limits, bans and what was refused begin anew; it is {aside} now",
    "error",
)

TIME: Kind[list[float]] = Kind("time", list, list)
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Damaged(Exception):
    """What is there is no state."""


@dataclass(frozen=True, slots=True)
class Job:
    """A rule, what it looks at, and whether it changes anything; it gets the connection too, for what is not
    a fact.  It may be applied again when the first time came to nothing."""

    needs: Sequence[tuple[Kind[Any], str]]
    rule: Callable[[Page, Moment, sqlite3.Connection], Any]
    changes: bool = True


class SharedFile:
    """The file at `path`: made when it is not there, 0600; when it is damaged, put aside and begun anew, once
    in an hour.  Everything else that goes wrong with it is `StateAway`.  All of it is for one thread.

    It need not outlive the machine's end, so nothing is synced.  One that was in use then is examined first.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._time = SteadyTime(clock)
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._clear_at = 0.0

    def apply(self, jobs: Sequence[Job]) -> list[Any]:
        """What each job returned, or a Failure, in one transaction: it is done, or this raises."""
        try:
            return self._applied(jobs)
        except Damaged as error:
            self._begin_anew(error)
        try:
            return self._applied(jobs)
        except Damaged as error:
            raise StateAway(f"{self._path}: {error}") from error

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _applied(self, jobs: Sequence[Job]) -> list[Any]:
        with self._trouble():
            db = self._connection()
            try:
                return self._in_turn(db, jobs)
            except (sqlite3.Error, DamagedFacts):
                self.close()
                raise
            except Exception:  # a mistake of one is nobody else's
                return [self._alone(db, job) for job in jobs]

    def _in_turn(self, db: sqlite3.Connection, jobs: Sequence[Job]) -> list[Any]:
        """SQLite waits for others with steps of up to 100 ms: far more than they need."""
        end, pause = time.monotonic() + BUSY, PAUSE
        while True:
            try:
                return self._together(db, jobs)
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 10 * PAUSE)

    def _alone(self, db: sqlite3.Connection, job: Job) -> Any:
        try:
            return self._in_turn(db, [job])[0]
        except (sqlite3.Error, DamagedFacts):
            raise
        except Exception:
            return Failure()

    def _together(self, db: sqlite3.Connection, jobs: Sequence[Job]) -> list[Any]:
        changes = any(job.changes for job in jobs)
        with transaction(db, "BEGIN IMMEDIATE" if changes else "BEGIN"):
            page = Page(db, [(TIME, ""), *(need for job in jobs for need in job.needs)])
            at = self._moment(page)
            results = [job.rule(page, at, db) for job in jobs]
            if changes:
                self._clear(db, at.now)
                page.write(db)
            return results

    def _moment(self, page: Page) -> Moment:
        self._time.last, self._time.ahead = page.get(TIME, "") or (0.0, 0.0)
        at = self._time.moment()
        page.put(TIME, "", [self._time.last, self._time.ahead], float("1e300"))
        return at

    def _clear(self, db: sqlite3.Connection, now: float) -> None:
        if now >= self._clear_at:
            self._clear_at = now + (0.0 if clear_away(db, now, OCTETS) else CLEARING)

    # -- the file
    def _connection(self) -> sqlite3.Connection:
        """To the file that has the name now: another process may have begun a new one."""
        if self._db is None or _which(self._path) != self._file:
            self.close()
            with alone(self._path.with_name(self._path.name + ".lock"), BUSY):
                self._db = self._opened()
        return self._db

    def _opened(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._file = _which(self._path)
        db = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            migrate(db, MIGRATIONS, str(self._path))
            _examine(db)
            db.execute("PRAGMA busy_timeout = 0")
        except BaseException:
            db.close()
            raise
        return db

    def _begin_anew(self, error: Damaged) -> None:
        aside = self._path.with_name(self._path.name + ".damaged")
        damaged, now = self._file, self._clock.now()
        self.close()
        with self._trouble(), alone(self._path.with_name(self._path.name + ".lock"), BUSY):
            if _which(self._path) != damaged:
                return  # another process was faster
            if aside.exists() and abs(now - aside.stat().st_mtime) < AGAIN:
                raise StateAway(f"{self._path} is damaged, and so was {aside} not long ago: {error}")
            self._path.rename(aside)
            for end in ("-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
            os.utime(aside, (now, now))
        BEGUN_ANEW.log(path=str(self._path), error=str(error), aside=str(aside))

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except DamagedFacts as error:
            raise Damaged(str(error)) from error
        except sqlite3.Error as error:
            if _code(error) in _DAMAGED or str(error) == "malformed JSON":
                raise Damaged(str(error)) from error
            raise StateAway(f"{self._path}: {error}") from error
        except OSError as error:
            raise StateAway(f"{self._path}: {error}") from error


def _code(error: sqlite3.Error) -> int:
    """What SQLite says; 0 when it is Python that cannot go on."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _which(path: Path) -> tuple[int, int] | None:
    """Which file has that name."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _examine(db: sqlite3.Connection) -> None:
    """What was in use when the machine ended may be half written, and SQLite would not see it at once."""
    boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
    known = db.execute("SELECT value FROM facts WHERE kind = 'boot'").fetchone()
    if boot and known == (f'"{boot}"',):
        return
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedFacts(verdict)
    db.execute("INSERT OR REPLACE INTO facts VALUES ('boot', '', ?, 0, 0, 1e300)", (f'"{boot}"',))
