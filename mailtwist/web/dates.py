"""How long the certificates that are shown still last, for whoever collects metrics."""

from collections.abc import Callable, Mapping, Sequence
from heapq import nsmallest
from typing import Any

from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.metrics import MOST, Metric, gauged

NOT_AFTER = Metric(
    "tls_not_after",
    "When the certificate that is shown for a name ends, in seconds since 1970; the earliest, if there are"
    " several.",
    "gauge",
    ("section", "name"),
)
DAYS_LEFT = Metric(
    "tls_days_left", "Days until the certificate that is shown for a name ends.", "gauge", ("section", "name")
)
DAY = 86400.0


class Dates:
    """Of all `[tls:...]` sections, as long as this has started."""

    def __init__(self, sources: Mapping[str, Any], clock: Clock) -> None:
        self._sources = sources
        self._clock = clock
        self._end: Callable[[], None] | None = None
        self._known: tuple[Sequence[object], Sequence[tuple[tuple[str, str], float]]] | None = None

    async def start(self) -> None:
        self._end = gauged(self.look)

    async def stop(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def look(self) -> None:
        """The gauges are right; of more names than they hold, those that end first are there."""
        shown = [_bundles(source) for source in self._sources.values()]
        if self._known is None or not _same(shown, self._known[0]):
            self._known = shown, self._first()
        NOT_AFTER.forget()
        DAYS_LEFT.forget()
        now = self._clock.now()
        for key, end in self._known[1]:
            NOT_AFTER.set(end, *key)
            DAYS_LEFT.set((end - now) / DAY, *key)

    def _first(self) -> list[tuple[tuple[str, str], float]]:
        ends: dict[tuple[str, str], float] = {}
        for section, source in self._sources.items():
            for bundle in _bundles(source):
                for name in bundle.names:
                    key = section, name
                    ends[key] = min(bundle.not_after, ends.get(key, bundle.not_after))
        return nsmallest(MOST, ends.items(), key=lambda one: one[1])


def _bundles(source: Any) -> Sequence[Any]:
    """Any context factory may stand there."""
    found: Sequence[Any] = getattr(source, "bundles", ())
    return found


def _same(these: Sequence[object], those: Sequence[object]) -> bool:
    return len(these) == len(those) and all(one is other for one, other in zip(these, those, strict=True))


def the_dates(assembly: Assembly) -> Dates:
    return Dates(assembly.parts("tls"), assembly.clock)
