"""State that processes of one host share: limits, bans, used codes, logins under way, in a SQLite file."""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting
from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import shield, spawn, started
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway
from mailtwist.state.records import Ban, Bucket, Charge, Denied
from mailtwist.state.volatile import leading, words
from mailtwist.state.volatile.file import Job, SharedFile
from mailtwist.state.volatile.hearing import Listeners
from mailtwist.state.volatile.leading import WORK
from mailtwist.state.volatile.page import Page, every
from mailtwist.state.volatile.rules import BANS, in_force
from mailtwist.state.volatile.shelved import Need, Rule, Shelved, T
from mailtwist.state.volatile.shelves import Moment

AT_ONCE = 256  # rules applied in one transaction
LOOKS = 0.2  # seconds between two looks at what others announced
FOLLOWS = 0.03  # and at work that others lead, while somebody here follows it


@dataclass(frozen=True)
class Settings:
    """State that processes of one host share, in a SQLite file; it may be lost, and no code can be used again
    for that."""

    path: File | None = setting(
        None, words='The file; without it, "volatile.sqlite" in the state folder. Servers may share one.'
    )


class SqliteVolatileState(Shelved):
    """`state.api.Volatile`.  One thread applies what is asked for, all that waits in one transaction."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._clock: Clock = assembly.clock
        self._file = SharedFile(settings.path or assembly.folder / "volatile.sqlite", assembly.clock)
        self._threads = Threads("volatile", 1, lost=True)
        self._waiting: deque[tuple[Job, Deferred[Any]]] = deque()
        self._at_work = False
        self._listeners = Listeners()
        self._following: dict[str, list[Deferred[bytes | None]]] = {}
        self._heard = 0
        self._me = new_id()
        self._look: IDelayedCall | None = None

    async def start(self) -> None:
        self._heard = await self._do(Job((), lambda page, at, db: words.last(db)))
        self._look = self._clock.later(LOOKS, self._looks)

    async def stop(self) -> None:
        look, self._look = self._look, None
        if look is not None and look.active():
            look.cancel()
        with suppress(Trouble):  # what was asked for before is done then
            await self._do(Job((), lambda page, at, db: None, changes=False))
        await self._threads.run(self._file.close)
        self._threads.stop()
        for work in list(self._following):
            self._end(work, None)

    async def _apply(self, needs: Sequence[Need], rule: Rule[T], changes: bool = True) -> T:
        result: T = await self._do(Job(needs, lambda page, at, db: rule(page, at), changes))
        return result

    def _do(self, job: Job) -> Deferred[Any]:
        """What the job returns.  Who stops waiting does not stop it."""
        result: Deferred[Any] = Deferred(lambda gone: None)
        self._waiting.append((job, result))
        if not self._at_work:
            spawn(self._work(), "keeping volatile state")
        return result

    async def _work(self) -> None:
        self._at_work = True
        try:
            while self._waiting:
                for result, value in await self._threads.run(self._taken):
                    if not result.called:
                        result.callback(value)
        finally:
            self._at_work = False

    def _taken(self) -> list[tuple[Deferred[Any], Any]]:
        """What waits by the time the thread begins, and what became of it."""
        taken = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        values = self._applied([job for job, _ in taken])
        return [(result, value) for (_, result), value in zip(taken, values, strict=True)]

    def _applied(self, jobs: Sequence[Job]) -> Sequence[Any]:
        try:
            return self._file.apply(jobs)
        except StateAway as error:
            return [Failure(StateAway(error.detail)) for _ in jobs]
        except Exception:
            return [Failure()] * len(jobs)

    # -- who stops waiting is not charged, and leads nothing
    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        charged: Charge | Denied = await shield(started(super().charge(buckets, lease)), self._not_wanted)
        return charged

    def _not_wanted(self, charge: Charge | Denied) -> None:
        if isinstance(charge, Charge):
            spawn(self.refund(charge), "taking back a charge that nobody waits for")

    async def lead(self, work: bytes, lease: float) -> str | None:
        def not_wanted(leader: str | None) -> None:
            if leader is not None:
                spawn(self.settle(work, leader, None), "giving up work that nobody waits for")

        key, leader = work.hex(), new_id()
        leads = self._apply([(WORK, key)], lambda shelves, at: leading.lead(shelves, at, key, leader, lease))
        led: str | None = await shield(started(leads), not_wanted)
        return led

    async def renew(self, work: bytes, leader: str, lease: float) -> bool:
        key = work.hex()
        return await self._apply(
            [(WORK, key)], lambda shelves, at: leading.renew(shelves, at, key, leader, lease)
        )

    async def settle(self, work: bytes, leader: str, word: bytes | None) -> None:
        key = work.hex()
        if await self._apply(
            [(WORK, key)], lambda shelves, at: leading.settle(shelves, at, key, leader, word)
        ):
            self._end(key, word)

    async def follow(self, work: bytes) -> bytes | None:
        key = work.hex()
        over, word = await self._apply(
            [(WORK, key)], lambda shelves, at: leading.heard(shelves, at, key), False
        )
        if over:
            return word
        if self._look is None:
            raise StateAway("nobody looks how others fare: this process ends")
        waiting: Deferred[bytes | None] = Deferred()
        self._following.setdefault(key, []).append(waiting)
        if self._look.active():
            self._look.reset(FOLLOWS)
        return await waiting

    def _end(self, work: str, word: bytes | None) -> None:
        for one in self._following.pop(work, []):
            if not one.called:
                one.callback(word)

    # -- bans, and words for everybody
    async def bans(self) -> Sequence[Ban]:
        def rule(page: Page, at: Moment, db: sqlite3.Connection) -> Sequence[Ban]:
            found = every(db, BANS)
            return in_force(found, at)

        bans: Sequence[Ban] = await self._do(Job((), rule, changes=False))
        return bans

    async def announce(self, word: bytes) -> None:
        await self._do(Job((), lambda page, at, db: words.say(db, at, word, self._me)))
        self._listeners.tell(word)

    def listen(self, heard: Callable[[bytes], object]) -> None:
        self._listeners.add(heard)

    def _looks(self) -> None:
        spawn(self._look_on(), "looking for what other processes said")

    async def _look_on(self) -> None:
        try:
            with suppress(Trouble):  # whoever asks for something hears of that
                await self._looked()
        finally:
            if self._look is not None:
                self._look = self._clock.later(FOLLOWS if self._following else LOOKS, self._looks)

    async def _looked(self) -> None:
        """What others said is heard, and where what they lead has ended, those who follow it here know."""
        followed = list(self._following)

        def rule(page: Page, at: Moment, db: sqlite3.Connection) -> Any:
            return words.beyond(db, self._heard, self._me), [leading.heard(page, at, one) for one in followed]

        needs = [(WORK, one) for one in followed]
        (self._heard, said), ends = await self._do(Job(needs, rule, changes=False))
        for word in said:
            self._listeners.tell(word)
        for one, (over, last) in zip(followed, ends, strict=True):
            if over:
                self._end(one, last)


part = Part(Settings, SqliteVolatileState)
