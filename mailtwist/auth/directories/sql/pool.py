"""A few connections to a database, for many questions: each waits a bounded time, for whatever it is."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from twisted.internet.defer import DeferredSemaphore

from mailtwist.auth.directories.sql.api import Connection, Database, DatabaseAway, NotSayable
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import shield, started
from mailtwist.kit.steps import step
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import TooLate, within

T = TypeVar("T")

LEFT_ALONE = 5.0
"""Seconds for which a server that could not be reached is not asked."""
IDLE = 60.0
"""Seconds after which a connection that nobody used is not trusted: what is in between may have forgotten."""
OLDEST = 600.0
"""Seconds after which a connection is made anew: the first of several servers may be back."""


@dataclass
class _Kept:
    """An open connection that nobody uses."""

    connection: Connection
    opened: float
    used: float


class _Job:
    """One question, and the connection on which it is asked."""

    def __init__(self) -> None:
        self.late = False
        self.connection: Connection | None = None
        self._lock = Lock()

    def abort(self) -> None:
        """From any thread."""
        with self._lock:
            self.late = True
            if self.connection is not None:
                self.connection.abort()

    def use(self, connection: Connection | None) -> None:
        """None: another one is looked for."""
        with self._lock:
            self.connection = connection
            if self.late and connection is not None:
                connection.abort()


class Pool:
    """`size` connections to the first of `places` that can be reached, each with a thread.  An answer takes
    at most `seconds`, with waiting for a connection."""

    def __init__(
        self, name: str, clock: Clock, database: Database, places: Sequence[str], size: int, seconds: float
    ) -> None:
        self._clock = clock
        self._database = database
        self._places = tuple(places)
        self._seconds = seconds
        self._threads = Threads(name, size)
        self._room = DeferredSemaphore(size)
        self._kept: deque[_Kept] = deque()
        self._dead: dict[str, tuple[float, str]] = {}
        self._jobs: set[_Job] = set()
        self._stopped = False

    def stop(self) -> None:
        """Nobody waits for answers any more."""
        self._stopped = True
        for job in list(self._jobs):
            job.abort()
        self._threads.stop()
        while self._kept:
            self._kept.pop().connection.close()

    async def ask(self, work: Callable[[Connection], T], *, again: bool = True) -> T:
        """What `work` returns or raises, in a thread.  When the connection turns out to be lost, `work` is
        done `again`, once, on another one."""
        job = _Job()
        try:
            return await within(self._clock, self._seconds, self._asked(job, work, again))
        except TooLate:
            raise self._late() from None

    async def _asked(self, job: _Job, work: Callable[[Connection], T], again: bool) -> T:
        """Who stops waiting leaves the thread to end by itself, which it does in time."""
        await self._room.acquire()
        answer: T = await shield(started(self._in_thread(job, work, again)), lambda answer: None)
        return answer

    async def _in_thread(self, job: _Job, work: Callable[[Connection], T], again: bool) -> T:
        alarm = self._clock.later(self._seconds, job.abort)
        self._jobs.add(job)
        try:
            if self._stopped:
                raise DatabaseAway("the directory has ended")
            return await self._threads.run(self._worked, job, work, again)
        finally:
            self._jobs.discard(job)
            if alarm.active():
                alarm.cancel()
            self._room.release()

    # -- in a thread
    def _worked(self, job: _Job, work: Callable[[Connection], T], again: bool) -> T:
        try:
            return self._once(job, work, fresh=False)
        except DatabaseAway as lost:
            if not again or job.connection is None or job.late:
                raise
            step("{trouble}; asked again on another connection", trouble=lost.reason)
            self._drop_all()
            return self._once(job, work, fresh=True)

    def _once(self, job: _Job, work: Callable[[Connection], T], fresh: bool) -> T:
        """`job.connection` says whether there was one, and is closed unless it can be used again."""
        job.use(None)
        now = self._clock.seconds()
        kept = None if fresh else self._trusted(now)
        if kept is None:
            kept = _Kept(self._connected(), now, now)
        job.use(kept.connection)
        try:
            answer = work(kept.connection)
        except DatabaseAway as lost:
            kept.connection.close()
            raise (self._late() if job.late else lost) from None
        except (Trouble, NotSayable):
            self._keep(kept, job)
            raise
        except BaseException:  # a driver that did not see it coming has perhaps not read an answer to its end
            kept.connection.close()
            raise
        self._keep(kept, job)
        return answer

    def _keep(self, kept: _Kept, job: _Job) -> None:
        if job.late or self._stopped:
            kept.connection.close()
            return
        kept.used = self._clock.seconds()
        self._kept.append(kept)

    def _trusted(self, now: float) -> _Kept | None:
        while True:
            try:
                kept = self._kept.pop()
            except IndexError:
                return None
            if now - kept.used < IDLE and now - kept.opened < OLDEST:
                return kept
            kept.connection.close()

    def _drop_all(self) -> None:
        """What one connection was lost to, others were, too."""
        while True:
            try:
                self._kept.pop().connection.close()
            except IndexError:
                return

    def _connected(self) -> Connection:
        """To the first that can be reached; those that could not be are left alone for a while."""
        trouble: DatabaseAway | None = None
        for place in self._places:
            until, words = self._dead.get(place, (0.0, ""))
            if self._clock.seconds() < until:
                step("{place} is left alone: {words}", place=place, words=words)
                trouble = DatabaseAway(words)
                continue
            try:
                connection = self._database.connect(place)
            except DatabaseAway as away:
                step("{words}", words=away.reason)
                trouble = away
                self._dead[place] = self._clock.seconds() + LEFT_ALONE, away.reason
            else:
                self._dead.pop(place, None)
                return connection
        raise trouble or DatabaseAway("no database is named")

    def _late(self) -> DatabaseAway:
        return DatabaseAway(
            f"the database {', '.join(self._places)} gave no answer within {self._seconds:g} s"
        )
