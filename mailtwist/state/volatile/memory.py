"""State that connections of one process share: limits, bans, used codes, logins under way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.state.records import Ban
from mailtwist.state.volatile.hearing import Listeners
from mailtwist.state.volatile.rules import BANS, in_force
from mailtwist.state.volatile.shelved import Need, Rule, Shelved, T
from mailtwist.state.volatile.shelves import MemoryShelves
from mailtwist.state.volatile.steady import SteadyTime

MOST = 100_000  # facts of a kind, buckets of a window's length; members of all keys together


@dataclass(frozen=True)
class Settings:
    """State in the memory of this process: enough for one process, gone when it ends."""


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


class MemoryState(Shelved):
    """`state.api.Volatile`."""

    instead = '"type = sqlite_volatile", or "type = redis"'

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._clock: Clock = assembly.clock
        self._time = SteadyTime(assembly.clock)
        self._shelves = MemoryShelves(MOST)
        self._work: dict[bytes, _Work] = {}
        self._listeners = Listeners()

    async def stop(self) -> None:
        for key in list(self._work):
            self._work.pop(key).over(None)

    async def _apply(self, needs: Sequence[Need], rule: Rule[T], changes: bool = True) -> T:
        at = self._time.moment()
        self._shelves.now = at.now
        return rule(self._shelves, at)

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

    # -- bans, and words for everybody
    async def bans(self) -> Sequence[Ban]:
        bans = self._shelves.all(BANS)
        return in_force(bans, self._time.moment())

    async def announce(self, word: bytes) -> None:
        self._listeners.tell(word)

    def listen(self, heard: Callable[[bytes], object]) -> None:
        self._listeners.add(heard)


part = Part(Settings, MemoryState)
