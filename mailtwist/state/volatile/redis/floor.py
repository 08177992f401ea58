"""Redis, and the memory of this process while it is away; Redis is told afterwards what happened."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import StateAway, Volatile
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.state.volatile.redis.state import RedisState

MOST = 10_000  # things that Redis is told when it is back; beyond that the oldest are forgotten
WITHOUT_LIMIT = 1 << 40

CAUGHT_UP = Event(
    "state.redis_caught_up", "Redis has been told what happened while it was away: {count} things"
)

T = TypeVar("T")
Telling = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A charge that was let through here: in which buckets, when, and how long it may be on its way."""

    buckets: tuple[Bucket, ...]
    at: float
    lease: float


class WithFloor:
    """`state.api.Volatile` that is never away.

    While Redis is there, it decides, and what this process learns of failures, refusals, used codes and bans
    it also notes in its memory (`floor`).  While Redis is away the memory decides, by what this process has
    seen itself: never more than the limits for each process.  When Redis is back it is told what failed, was
    used, banned, lifted, refused and announced, each in the window in which it happened."""

    def __init__(self, redis: RedisState, floor: Volatile, clock: Clock) -> None:
        self._redis = redis
        self._floor = floor
        self._clock = clock
        self._shared: OrderedDict[str, tuple[Bucket, ...]] = OrderedDict()
        self._here: OrderedDict[str, _UnderWay] = OrderedDict()
        self._led: dict[bytes, str] = {}
        self._untold: OrderedDict[tuple[str, object], Telling] = OrderedDict()
        self._failed: dict[tuple[str, int], tuple[float, int, float]] = {}
        self._telling = False
        redis.calls.on_back.append(lambda: spawn(self._catch_up(), "what Redis has to be told"))

    async def start(self) -> None:
        await self._redis.start()

    async def stop(self) -> None:
        await self._redis.stop()
        stop = getattr(self._floor, "stop", None)
        if stop is not None:
            await stop()

    # -- limits
    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        try:
            charge = await self._redis.charge(buckets, lease)
        except StateAway:
            charge = await self._floor.charge(buckets, lease)
            if isinstance(charge, Charge):
                _put(self._here, charge.id, _UnderWay(tuple(buckets), self._clock.seconds(), lease))
        else:
            if isinstance(charge, Charge):
                _put(self._shared, charge.id, tuple(buckets))
        return charge

    async def refund(self, charge: Charge) -> None:
        if self._here.pop(charge.id, None) is not None:
            await self._floor.refund(charge)
        else:
            self._shared.pop(charge.id, None)
            await self._redis.refund(charge)

    async def keep(self, charge: Charge) -> None:
        under_way = self._here.pop(charge.id, None)
        if under_way is not None:
            await self._floor.keep(charge)
            self._note_failure(under_way)
        else:
            buckets = self._shared.pop(charge.id, ())
            await self._redis.keep(charge)
            free = [replace(bucket, limit=WITHOUT_LIMIT) for bucket in buckets]
            if free and isinstance(copy := await self._floor.charge(free, 1.0), Charge):
                await self._floor.keep(copy)

    async def spent(self, key: str, window: float) -> float:
        return await _either(self._redis.spent(key, window), lambda: self._floor.spent(key, window))

    async def clear(self, keys: Sequence[str]) -> None:
        await self._floor.clear(keys)
        for failed in [known for known in self._failed if known[0] in keys]:
            del self._failed[failed]
            self._untold.pop(("failed", failed), None)
        for key in keys:
            await self._now_or_later("clear", key, partial(self._redis.clear, [key]))

    def _note_failure(self, under_way: _UnderWay) -> None:
        """Added up for each window, so that a flood of failures is one thing to tell for each key."""
        for bucket in under_way.buckets:
            key = (bucket.key, int(under_way.at // bucket.window))
            _, before, _ = self._failed.pop(key, (0.0, 0, 0.0))
            self._failed[key] = (bucket.window, before + bucket.cost, under_way.at)
            self._tell_later("failed", key, partial(self._blame, key))
        if self._redis.is_here:
            spawn(self._catch_up(), "what Redis has to be told")

    async def _blame(self, key: tuple[str, int]) -> None:
        window, cost, at = self._failed.pop(key, (0.0, 0, 0.0))
        try:
            if cost:
                await self._redis.blame(key[0], window, cost, max(0.0, self._clock.seconds() - at))
        except StateAway:
            _, since, _ = self._failed.get(key, (0.0, 0, 0.0))
            self._failed[key] = (window, cost + since, at)
            raise

    # -- how many different ones
    async def add_distinct(self, key: str, member: bytes, window: float) -> int:
        here = await self._floor.add_distinct(key, member, window)
        try:
            return await self._redis.add_distinct(key, member, window)
        except StateAway:
            at = self._clock.seconds()
            self._tell_later("distinct", (key, member), lambda: self._add(key, member, window, at))
            return here

    async def _add(self, key: str, member: bytes, window: float, at: float) -> None:
        if self._clock.seconds() - at < window:
            await self._redis.add_distinct(key, member, window)

    async def count_distinct(self, key: str, window: float) -> int:
        return await _either(
            self._redis.count_distinct(key, window), lambda: self._floor.count_distinct(key, window)
        )

    # -- codes and wrong secrets
    async def use_once(self, code: str, step: int, floor: int, by: bytes, address: str, join: float) -> Use:
        what = (code, step, floor, by, address, join)
        try:
            use = await self._redis.use_once(*what)
        except StateAway:
            use = await self._floor.use_once(*what)
            if use is Use.NEW:
                self._tell_later("used", code, lambda: self._redis.use_once(*what))
        else:
            if use is Use.NEW:
                await self._floor.use_once(*what)
        return use

    async def refuse(self, secret: bytes, seconds: float) -> None:
        await self._floor.refuse(secret, seconds)
        at = self._clock.seconds()
        self._untold.pop(("forgive", secret), None)
        await self._now_or_later(
            "refuse", secret, lambda: self._redis.refuse(secret, seconds, self._clock.seconds() - at)
        )

    async def refused(self, secret: bytes) -> float | None:
        return await _either(self._redis.refused(secret), lambda: self._floor.refused(secret))

    async def forgive(self, secret: bytes) -> None:
        await self._floor.forgive(secret)
        self._untold.pop(("refuse", secret), None)
        await self._now_or_later("forgive", secret, lambda: self._redis.forgive(secret))

    # -- logins under way
    async def lead(self, work: bytes, lease: float) -> str | None:
        try:
            return await self._redis.lead(work, lease)
        except StateAway:
            leader = await self._floor.lead(work, lease)
            if leader is not None:
                self._led[work] = leader
            return leader

    async def renew(self, work: bytes, leader: str, lease: float) -> bool:
        """A leader goes on when Redis went away after he began: who else begins then is judged himself."""
        if self._led.get(work) == leader:
            return await self._floor.renew(work, leader, lease)
        return await _either(self._redis.renew(work, leader, lease), _true)

    async def settle(self, work: bytes, leader: str, word: bytes | None) -> None:
        if self._led.get(work) == leader:
            del self._led[work]
            await self._floor.settle(work, leader, word)
        else:
            await self._redis.settle(work, leader, word)

    async def follow(self, work: bytes) -> bytes | None:
        if work in self._led:
            return await self._floor.follow(work)
        return await _either(self._redis.follow(work), _none)

    # -- bans
    async def ban(self, ban: Ban) -> bool:
        here = await self._floor.ban(ban)
        self._untold.pop(("lift", ban.subject), None)
        try:
            return await self._redis.ban(ban)
        except StateAway:
            if here:
                self._tell_later("ban", ban.subject, lambda: self._redis.ban(ban))
            return here

    async def banned(self, subjects: Sequence[str]) -> Ban | None:
        return await _either(self._redis.banned(subjects), lambda: self._floor.banned(subjects))

    async def lift(self, subject: str) -> bool:
        here = await self._floor.lift(subject)
        self._untold.pop(("ban", subject), None)
        try:
            return await self._redis.lift(subject)
        except StateAway:
            self._tell_later("lift", subject, lambda: self._redis.lift(subject))
            return here

    async def bans(self) -> Sequence[Ban]:
        return await _either(self._redis.bans(), self._floor.bans)

    # -- words for everybody
    async def announce(self, word: bytes) -> None:
        try:
            await self._redis.announce(word)
        except StateAway:
            self._redis.listeners.tell(word)
            self._tell_later("announce", word, lambda: self._redis.announce(word))

    def listen(self, heard: Callable[[bytes], object]) -> None:
        self._redis.listen(heard)

    # -- afterwards
    async def _now_or_later(self, kind: str, what: object, tell: Telling) -> None:
        try:
            await tell()
        except StateAway:
            self._tell_later(kind, what, tell)

    def _tell_later(self, kind: str, what: object, tell: Telling) -> None:
        self._untold.pop((kind, what), None)
        _put(self._untold, (kind, what), tell)
        if len(self._failed) > MOST:
            del self._failed[next(iter(self._failed))]

    async def _catch_up(self) -> None:
        """In the order in which it happened; what cannot be told yet stays."""
        if self._telling:
            return
        self._telling = True
        try:
            self._fail_the_late()
            count = await self._tell_all()
        finally:
            self._telling = False
        if count:
            CAUGHT_UP.log(count=count)
        await self._learn_bans()

    async def _tell_all(self) -> int:
        """How many things Redis has been told.  What it does not take, because it is full perhaps, waits for
        the next time."""
        count, refused = 0, OrderedDict[tuple[str, object], Telling]()
        while self._untold and (not refused or self._redis.is_here):
            key, tell = self._untold.popitem(last=False)
            try:
                await tell()
                count += 1
            except StateAway:
                refused[key] = tell
        for key, tell in reversed(refused.items()):
            self._untold.setdefault(key, tell)
            self._untold.move_to_end(key, last=False)
        return count

    def _fail_the_late(self) -> None:
        now = self._clock.seconds()
        for id in [id for id, one in self._here.items() if now > one.at + one.lease]:
            self._note_failure(self._here.pop(id))

    async def _learn_bans(self) -> None:
        try:
            for ban in await self._redis.bans():
                await self._floor.ban(ban)
        except StateAway:
            return  # when it is back


async def _either(asked: Awaitable[T], else_: Callable[[], Awaitable[T]]) -> T:
    try:
        return await asked
    except StateAway:
        return await else_()


async def _true() -> bool:
    return True


async def _none() -> None:
    return None


def _put(kept: OrderedDict[Any, Any], key: object, value: object) -> None:
    kept[key] = value
    if len(kept) > MOST:
        kept.popitem(last=False)
