"""State that connections of one process share: limits, bans, used codes, logins under way."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.state.volatile.hearing import Listeners
from mailtwist.state.volatile.shelf import Shelf
from mailtwist.state.volatile.steady import SteadyTime
from mailtwist.state.volatile.windows import Counted, denial

MOST = 100_000  # entries of a kind (buckets: of a window's length)
MEMBERS = 1_000  # of a key, the last ones
LONG = 3600.0  # refusals that are known for longer are worth more
KEPT = 86400.0  # seconds for which a used code is remembered here


@dataclass(frozen=True)
class Settings:
    """State in the memory of this process: enough for one process, gone when it ends."""


@dataclass(frozen=True, slots=True)
class _Used:
    step: int
    by: bytes
    address: str
    at: float


@dataclass(frozen=True, slots=True)
class _Refused:
    first: float
    until: float


@dataclass(slots=True)
class _Work:
    leader: str
    end: IDelayedCall
    waiting: list[Deferred[bytes | None]] = field(default_factory=list)

    def over(self, word: bytes | None) -> None:
        if self.end.active():
            self.end.cancel()
        for one in self.waiting:
            if not one.called:
                one.callback(word)


class MemoryState:
    """`state.api.Volatile`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._clock: Clock = assembly.clock
        self._now = SteadyTime(assembly.clock).now
        self._counted: dict[float, Shelf[Counted]] = {}
        self._distinct: dict[float, Shelf[OrderedDict[bytes, float]]] = {}
        self._used: Shelf[_Used] = Shelf(MOST)
        self._refused: Shelf[_Refused] = Shelf(MOST)
        self._bans: Shelf[Ban] = Shelf(MOST)
        self._work: dict[bytes, _Work] = {}
        self._listeners = Listeners()

    async def stop(self) -> None:
        for key in list(self._work):
            self._work.pop(key).over(None)

    # -- limits
    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        now = self._now()
        counted = {bucket.key: self._bucket(bucket.key, bucket.window, now) for bucket in buckets}
        if denied := denial(buckets, counted, now):
            return denied
        id = new_id()
        for bucket in buckets:
            one = counted[bucket.key]
            one.charge(id, bucket.cost, now + lease)
            shelf = self._counted.setdefault(bucket.window, Shelf(MOST))
            shelf.put(bucket.key, one, now, one.until, level=one.level)
        return Charge(id, tuple((b.key, counted[b.key].number, b.cost) for b in buckets))

    async def refund(self, charge: Charge) -> None:
        for one in self._charged(charge):
            one.refund(charge.id)

    async def keep(self, charge: Charge) -> None:
        for one in self._charged(charge):
            one.keep(charge.id)

    async def spent(self, key: str, window: float) -> float:
        now = self._now()
        return self._bucket(key, window, now).spent(now)

    async def clear(self, keys: Sequence[str]) -> None:
        for shelf in self._counted.values():
            for key in keys:
                shelf.pop(key)

    def _bucket(self, key: str, window: float, now: float) -> Counted:
        shelf = self._counted.get(window)
        found = shelf.get(key) if shelf else None
        if found is None:
            return Counted(window, int(now // window))
        found.at(now)
        return found

    def _charged(self, charge: Charge) -> list[Counted]:
        now = self._now()
        found = [
            one
            for key, _, _ in charge.entries
            for shelf in self._counted.values()
            if (one := shelf.get(key)) is not None
        ]
        for one in found:
            one.at(now)
        return found

    # -- how many different ones
    async def add_distinct(self, key: str, member: bytes, window: float) -> int:
        now = self._now()
        members = self._members(key, window, now)
        members.pop(member, None)
        members[member] = now
        if len(members) > MEMBERS:
            members.popitem(last=False)
        shelf = self._distinct.setdefault(window, Shelf(MOST))
        size = len(members)
        shelf.put(key, members, now, now + window, level=size.bit_length(), weight=size)
        return size

    async def count_distinct(self, key: str, window: float) -> int:
        return len(self._members(key, window, self._now()))

    def _members(self, key: str, window: float, now: float) -> OrderedDict[bytes, float]:
        shelf = self._distinct.get(window)
        members = (shelf.get(key) if shelf else None) or OrderedDict()
        while members and next(iter(members.values())) <= now - window:
            members.popitem(last=False)
        return members

    # -- codes and wrong secrets
    async def use_once(self, code: str, step: int, floor: int, by: bytes, address: str, join: float) -> Use:
        now = self._now()
        used = self._used.get(code)
        if step > max(floor, used.step if used else floor):
            self._used.put(code, _Used(step, by, address, now), now, now + KEPT)
            return Use.NEW
        if used is None or not address or now - used.at > join:
            return Use.REPLAY
        return Use.JOINED if (step, by, address) == (used.step, used.by, used.address) else Use.REPLAY

    async def refuse(self, secret: bytes, seconds: float) -> None:
        if await self.refused(secret) is None:
            now = self._now()
            one = _Refused(now, now + seconds)
            self._refused.put(secret, one, now, one.until, level=int(seconds >= LONG))

    async def refused(self, secret: bytes) -> float | None:
        now = self._now()
        one = self._refused.get(secret)
        if one is None:
            return None
        if now >= one.until:
            self._refused.pop(secret)
            return None
        return now - one.first

    async def forgive(self, secret: bytes) -> None:
        self._refused.pop(secret)

    # -- logins under way
    async def lead(self, work: bytes, lease: float) -> str | None:
        if work in self._work:
            return None
        leader = new_id()
        end = self._clock.later(lease, self._settle, work, leader, None)
        self._work[work] = _Work(leader, end)
        return leader

    async def renew(self, work: bytes, leader: str, lease: float) -> bool:
        under_way = self._work.get(work)
        if under_way is None or under_way.leader != leader:
            return False
        under_way.end.reset(lease)
        return True

    async def settle(self, work: bytes, leader: str, word: bytes | None) -> None:
        self._settle(work, leader, word)

    def _settle(self, work: bytes, leader: str, word: bytes | None) -> None:
        under_way = self._work.get(work)
        if under_way is not None and under_way.leader == leader:
            del self._work[work]
            under_way.over(word)

    async def follow(self, work: bytes) -> bytes | None:
        under_way = self._work.get(work)
        if under_way is None:
            return None
        waiting: Deferred[bytes | None] = Deferred()
        under_way.waiting.append(waiting)
        return await waiting

    # -- bans
    async def ban(self, ban: Ban) -> bool:
        now = self._clock.now()
        if ban.until <= now or self._ban(ban.subject, now) is not None:
            return False
        self._bans.put(ban.subject, ban, now, ban.until, level=int(bool(ban.by)))
        return True

    async def banned(self, subjects: Sequence[str]) -> Ban | None:
        now = self._clock.now()
        found = [ban for subject in subjects if (ban := self._ban(subject, now)) is not None]
        return max(found, key=lambda ban: ban.until, default=None)

    async def lift(self, subject: str) -> bool:
        found = self._ban(subject, self._clock.now())
        self._bans.pop(subject)
        return found is not None

    async def bans(self) -> Sequence[Ban]:
        now = self._clock.now()
        return sorted(
            (ban for ban in self._bans if ban.until > now), key=lambda ban: (ban.until, ban.subject)
        )

    def _ban(self, subject: str, now: float) -> Ban | None:
        ban = self._bans.get(subject)
        return ban if ban is not None and ban.until > now else None

    # -- words for everybody
    async def announce(self, word: bytes) -> None:
        self._listeners.tell(word)

    def listen(self, heard: Callable[[bytes], object]) -> None:
        self._listeners.add(heard)


part = Part(Settings, MemoryState)
