"""Where the facts of volatile state lie: values by kind and key, bounded, the least worthy gone first."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
SHARE = 16  # each level may have this part of the room, whatever fills the others


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of fact, and how it is written as JSON."""

    name: str
    encode: Callable[[T], Any]
    decode: Callable[[Any], T]


@dataclass(frozen=True, slots=True)
class Moment:
    """`now` never goes back and is for what lasts some seconds; `wall` is the clock's, for dates."""

    now: float
    wall: float


class Shelves(Protocol):
    """Facts of all kinds.  What is changed in place is put again."""

    def get(self, kind: Kind[T], key: str) -> T | None: ...

    def put(
        self,
        kind: Kind[T],
        key: str,
        value: T,
        until: float,
        *,
        group: float = 0.0,
        level: int = 0,
        weight: int = 1,
    ) -> None:
        """`until` is the moment from which on it means nothing.  Facts of one kind and group share room;
        `level` says how much would be lost with it."""

    def pop(self, kind: Kind[T], key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    place: tuple[float, int]  # group and level
    until: float
    weight: int


class Shelf(Generic[T]):
    """Facts of one kind in memory, those of a group together no heavier than `most`.

    When there is no more room, the oldest goes (from when it was put last), of the lowest level that fills
    more than its share: a flood of what was counted once pushes out its like, and neither what has grown, nor
    all that is new while everything else has grown.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[str, _Entry[T]] = {}
        self._order: dict[tuple[float, int], OrderedDict[str, None]] = {}
        self._weights: dict[tuple[float, int], int] = {}
        self._totals: dict[float, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return (entry.value for entry in self._entries.values())

    def get(self, key: str) -> T | None:
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def pop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            del self._order[entry.place][key]
            self._weigh(entry.place, -entry.weight)

    def put(
        self, key: str, value: T, now: float, until: float, group: float, level: int, weight: int
    ) -> None:
        self.pop(key)
        place = group, level
        self._entries[key] = _Entry(value, place, until, weight)
        order = self._order.setdefault(place, OrderedDict())
        order[key] = None
        self._weigh(place, weight)
        self._drop_over(order, now)
        while self._totals[group] > self._most:
            self.pop(next(iter(self._order[self._full(group)])))

    def _drop_over(self, order: OrderedDict[str, None], now: float) -> None:
        """Up to two of the oldest, when their time is over: more goes than comes."""
        for _ in range(2):
            oldest = next(iter(order), None)
            if oldest is None or self._entries[oldest].until > now:
                return
            self.pop(oldest)

    def _weigh(self, place: tuple[float, int], weight: int) -> None:
        self._weights[place] = self._weights.get(place, 0) + weight
        self._totals[place[0]] = self._totals.get(place[0], 0) + weight

    def _full(self, group: float) -> tuple[float, int]:
        """Where something has to go."""
        weights = {place[1]: weight for place, weight in self._weights.items() if place[0] == group}
        return group, least_worthy(weights, self._most)


def least_worthy(weights: Mapping[int, int], most: int) -> int:
    """Of levels and what they hold, the one where something has to go."""
    beyond = [level for level, weight in weights.items() if weight > most / SHARE]
    return min(beyond) if beyond else max(weights, key=lambda level: weights[level])


class MemoryShelves:
    """`Shelves` in memory, each of `most`."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self._most = most
        self._shelves: dict[str, Shelf[Any]] = {}

    def get(self, kind: Kind[T], key: str) -> T | None:
        return self.all(kind).get(key)

    def put(
        self,
        kind: Kind[T],
        key: str,
        value: T,
        until: float,
        *,
        group: float = 0.0,
        level: int = 0,
        weight: int = 1,
    ) -> None:
        self.all(kind).put(key, value, self.now, until, group, level, weight)

    def pop(self, kind: Kind[T], key: str) -> None:
        self.all(kind).pop(key)

    def all(self, kind: Kind[T]) -> Shelf[T]:
        try:
            return self._shelves[kind.name]
        except KeyError:
            return self._shelves.setdefault(kind.name, Shelf(self._most))
