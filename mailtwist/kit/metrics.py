"""What can be measured: each metric is a named constant that operators' dashboards can rely on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["counter", "gauge"]
Labels = tuple[str, ...]

MOST = 500
"""Different values of the labels of one metric.  What a counter has more is counted together, as `OTHER`; a
gauge shows nothing of it."""

OTHER = "other"
LONGEST = 253

METRICS: dict[str, "Metric"] = {}


@dataclass(frozen=True)
class Metric:
    """`id` is API (documented, exported as `mailtwist_` and the id, of a counter with `_total`); `words` is
    one sentence; `labels` are the names of what it is told apart by, of which there must be few values, none
    of them chosen by strangers, and none a secret."""

    id: str
    words: str
    kind: Kind = "counter"
    labels: Labels = ()
    _values: dict[Labels, float] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.id in METRICS:
            raise ValueError(f"two metrics are called {self.id}")
        METRICS[self.id] = self

    def add(self, *labels: str, by: float = 1.0) -> None:
        """A counter is greater from now on."""
        key = self._key(labels)
        self._values[key] = self._values.get(key, 0.0) + by

    def set(self, value: float, *labels: str) -> None:
        """A gauge shows `value` from now on, if there is room for these labels."""
        key = self._key(labels)
        if key != (OTHER,) * len(labels) or not labels:
            self._values[key] = value

    def forget(self, *labels: str) -> None:
        """It shows nothing for these labels; without any, nothing at all."""
        if labels:
            self._values.pop(self._key(labels), None)
        else:
            self._values.clear()

    def value(self, *labels: str) -> float:
        return self._values.get(self._key(labels), 0.0)

    @property
    def values(self) -> Mapping[Labels, float]:
        return dict(self._values)

    def _key(self, labels: Labels) -> Labels:
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.id} has the labels {self.labels}, not {len(labels)}")
        key = tuple(label[:LONGEST] for label in labels)
        return key if key in self._values or len(self._values) < MOST else (OTHER,) * len(labels)


_asked: list[Callable[[], None]] = []


def gauged(call: Callable[[], None]) -> Callable[[], None]:
    """`call` sets gauges each time that somebody is about to read them; the answer ends that."""
    _asked.append(call)
    return lambda: _asked.remove(call)


def read() -> Iterator[tuple[Metric, Mapping[Labels, float]]]:
    """All metrics of this process, in the order of their ids, as they are now."""
    for call in list(_asked):
        call()
    for _, metric in sorted(METRICS.items()):
        yield metric, metric.values
