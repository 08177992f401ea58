"""How much of a limit is spent: the sliding estimate over two windows, and who is still on the way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailtwist.state.records import Bucket, Denied

SLACK = 1e-6  # what sums of fractions may be off


@dataclass(frozen=True, slots=True)
class UnderWay:
    """An attempt that has been charged and not yet judged: its cost, in which window, and for how long it
    is believed to be on its way."""

    number: int
    cost: int
    until: float


@dataclass(slots=True)
class Counted:
    """What was charged to one bucket: in the window `number`, in the one before, and by whom of those who are
    on the way.

    `spent` at any moment is all of this window and of the one before as much as a window that ends now still
    covers.  So no window holds more than the limit, and no stretch of its length twice as much.
    """

    window: float
    number: int
    here: int = 0
    before: int = 0
    under_way: dict[str, UnderWay] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """How much would be lost with it: 0 nothing, then one more whenever it has doubled."""
        return (self.here + self.before).bit_length()

    def at(self, now: float) -> None:
        """The windows are those of `now`; who is on the way for too long has failed."""
        number = int(now // self.window)
        if number != self.number:
            self.before = self.here if number == self.number + 1 else 0
            self.here = 0
            self.number = number
        over = [id for id, one in self.under_way.items() if one.until <= now or one.number < number - 1]
        for id in over:
            del self.under_way[id]

    def spent(self, now: float) -> float:
        return self.here + self.before * self._left(now)

    def failed(self, now: float) -> float:
        """What is spent if all who are on the way should succeed."""
        return self.spent(now) - sum(
            one.cost * (1 if one.number == self.number else self._left(now))
            for one in self.under_way.values()
        )

    def charge(self, id: str, cost: int, until: float) -> None:
        self.here += cost
        self.under_way[id] = UnderWay(self.number, cost, until)

    def refund(self, id: str) -> None:
        """Its own cost in its own window; nothing when it is not on the way any more."""
        one = self.under_way.pop(id, None)
        if one is None:
            return
        if one.number == self.number:
            self.here -= one.cost
        else:  # the one before: who came earlier is not on the way any more
            self.before -= one.cost

    def keep(self, id: str) -> None:
        self.under_way.pop(id, None)

    def denies(self, bucket: Bucket, now: float) -> Denied | None:
        if self.spent(now) + bucket.cost <= bucket.limit + SLACK:
            return None
        waiting = self.failed(now) + bucket.cost <= bucket.limit + SLACK
        return Denied(bucket.key, self._room_in(bucket, now), waiting)

    def _room_in(self, bucket: Bucket, now: float) -> float:
        """Seconds until there is room, if nothing happens until then."""
        left = (self.number + 1) * self.window - now
        room = bucket.limit - bucket.cost
        if room >= self.here and self.before:
            return max(0.0, left - (room - self.here) * self.window / self.before)
        if room >= 0 and self.here:
            return left + max(0.0, self.window - room * self.window / self.here)
        return left + self.window

    def _left(self, now: float) -> float:
        return min(1.0, max(0.0, self.number + 1 - now / self.window))


def denial(buckets: Iterable[Bucket], counted: Mapping[str, Counted], now: float) -> Denied | None:
    """What stands in the way of all these charges at once.  If something more than attempts under way does,
    it is that; and what takes longest."""
    denials = [denied for bucket in buckets if (denied := counted[bucket.key].denies(bucket, now))]
    return max(denials, key=lambda denied: (not denied.waiting, denied.retry), default=None)
