"""Answers that count for a while, if the operator says so."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

MOST = 10_000


class Remembered(Generic[K, V]):
    """The latest `MOST`, each for so many seconds; with 0, nothing."""

    def __init__(self, now: Callable[[], float], seconds: float) -> None:
        self._now = now
        self._seconds = seconds
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, otherwise: D) -> V | D:
        until, value = self._kept.get(key, (0.0, otherwise))
        return value if until > self._now() else otherwise

    def __setitem__(self, key: K, value: V) -> None:
        if not self._seconds:
            return
        self._kept[key] = (self._now() + self._seconds, value)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
