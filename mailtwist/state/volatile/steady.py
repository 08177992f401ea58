"""A time that never goes back, whatever is done to the machine's clock."""

from mailtwist.kit.clock import Clock


class SteadyTime:
    """The clock's `now`, but when that is set back, time goes on from where it was: nothing that ends after
    some seconds lasts longer for it.  When the clock is set forward, time goes with it.  `last` and `ahead`
    are all it knows; states that share them share the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last = 0.0
        self.ahead = 0.0

    def now(self) -> float:
        wall = self._clock.now()
        if wall >= self.last:
            self.ahead = 0.0
        elif wall + self.ahead < self.last:
            self.ahead = self.last - wall
        self.last = max(self.last, wall + self.ahead)
        return self.last
