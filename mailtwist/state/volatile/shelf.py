"""Room for so many entries and no more: what counts least goes first, and of that the oldest."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    level: int
    until: float
    weight: int


class Shelf(Generic[T]):
    """Values by key, together no heavier than `most`.

    Each has a level: how much would be lost with it.  When there is no more room, the entry that goes is the
    oldest of the lowest level, and never the one just put: a flood of entries that were put once pushes out
    others of that kind, and what has grown stays.  Entries are old from when they were put last.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._level_of: dict[str | bytes, int] = {}
        self._levels: dict[int, OrderedDict[str | bytes, _Entry[T]]] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self._level_of)

    def __iter__(self) -> Iterator[T]:
        for level in self._levels.values():
            for entry in level.values():
                yield entry.value

    def get(self, key: str | bytes) -> T | None:
        level = self._level_of.get(key)
        return None if level is None else self._levels[level][key].value

    def pop(self, key: str | bytes) -> T | None:
        level = self._level_of.pop(key, None)
        if level is None:
            return None
        entry = self._levels[level].pop(key)
        self._weight -= entry.weight
        return entry.value

    def put(
        self, key: str | bytes, value: T, now: float, until: float, *, level: int = 0, weight: int = 1
    ) -> None:
        """Instead of what had this key.  `until` is when it means nothing any more."""
        self.pop(key)
        entries = self._levels.setdefault(level, OrderedDict())
        entries[key] = _Entry(value, level, until, weight)
        self._level_of[key] = level
        self._weight += weight
        self._drop_over(entries, now)
        while self._weight > self._most and len(self) > 1:
            self._drop_least(key)

    def _drop_over(self, entries: OrderedDict[str | bytes, _Entry[T]], now: float) -> None:
        """Two of the oldest, if their time is over: as much as comes also goes."""
        for _ in range(2):
            oldest = next(iter(entries))
            if entries[oldest].until > now:
                return
            self.pop(oldest)
            if not entries:
                return

    def _drop_least(self, spared: str | bytes) -> None:
        for level in sorted(self._levels):
            for key in self._levels[level]:
                if key != spared:
                    self.pop(key)
                    return
