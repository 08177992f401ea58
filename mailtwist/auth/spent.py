"""Budgets that were found used up a moment ago: who goes on trying is not worth another question."""

from collections import OrderedDict
from collections.abc import Sequence

from mailtwist.auth.buckets import Limit
from mailtwist.kit.clock import Clock

FOR = 0.25
"""Seconds: a lock that is lifted ends at once, as far as anybody can tell."""

MOST = 4096


class LatelySpent:
    """Only failures make a budget used up, and they do not go away so soon."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[tuple[str, int], tuple[float, float]] = OrderedDict()

    def note(self, limit: Limit, retry: float) -> None:
        """There is no room for a single failure more, for `retry` seconds."""
        if limit.bucket.cost > 1 or retry < FOR:
            return
        now = self._clock.seconds()
        self._until[limit.bucket.key, limit.bucket.limit] = (now + FOR, now + retry)
        if len(self._until) > MOST:
            self._until.popitem(last=False)

    def among(self, limits: Sequence[Limit]) -> tuple[Limit, float] | None:
        """One of these that is used up, and for how many seconds."""
        now = self._clock.seconds()
        for limit in limits:
            seen, room = self._until.get((limit.bucket.key, limit.bucket.limit), (now, now))
            if seen > now:
                return limit, room - now
        return None
