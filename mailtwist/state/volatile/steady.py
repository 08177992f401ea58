"""A time that never goes back, whatever is done to the machine's clock."""

from mailtwist.kit.clock import Clock
from mailtwist.state.volatile.shelves import Moment


class SteadyTime:
    """The clock's time, but when that is set back it goes on from where it was: nothing that ends after some
    seconds lasts longer for it.  When the clock is set forward, it goes with it.  `last` is when it was asked
    last, `ahead` how far it is before the clock; who shares these two shares the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last = 0.0
        self.ahead = 0.0

    def moment(self) -> Moment:
        wall = self._clock.now()
        if wall >= self.last:
            self.ahead = 0.0
        elif wall + self.ahead < self.last:
            self.ahead = self.last - wall
        self.last = max(self.last, wall + self.ahead)
        return Moment(self.last, wall)
