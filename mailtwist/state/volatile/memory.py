"""State that connections of one process share: used codes, refused secrets, logins under way."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.state.records import Use

MOST = 100_000  # entries of a kind; beyond that the oldest are forgotten
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """State in the memory of this process: enough for one process, gone when it ends."""


class _Bounded(OrderedDict[Any, T], Generic[T]):
    def __setitem__(self, key: Any, value: T) -> None:
        super().__setitem__(key, value)
        if len(self) > MOST:
            self.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Used:
    step: int
    by: bytes
    address: str
    at: float


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
        self._used: _Bounded[_Used] = _Bounded()
        self._refused: _Bounded[tuple[float, float]] = _Bounded()
        self._work: dict[bytes, _Work] = {}

    async def stop(self) -> None:
        for key in list(self._work):
            self._work.pop(key).over(None)

    async def use_once(self, code: str, step: int, floor: int, by: bytes, address: str, join: float) -> Use:
        now = self._clock.seconds()
        used = self._used.get(code)
        if step > max(floor, used.step if used else floor):
            self._used[code] = _Used(step, by, address, now)
            return Use.NEW
        if used is None or not address or now - used.at > join:
            return Use.REPLAY
        return Use.JOINED if (step, by, address) == (used.step, used.by, used.address) else Use.REPLAY

    async def refuse(self, secret: bytes, seconds: float) -> None:
        if await self.refused(secret) is None:
            now = self._clock.seconds()
            self._refused[secret] = (now, now + seconds)

    async def refused(self, secret: bytes) -> float | None:
        now = self._clock.seconds()
        first, until = self._refused.get(secret, (now, now))
        if now >= until:
            self._refused.pop(secret, None)
            return None
        return now - first

    async def forgive(self, secret: bytes) -> None:
        self._refused.pop(secret, None)

    async def lead(self, work: bytes, lease: float) -> str | None:
        if work in self._work:
            return None
        leader = new_id()
        end = self._clock.later(lease, self._settle, work, leader, None)
        self._work[work] = _Work(leader, end)
        return leader

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


part = Part(Settings, MemoryState)
