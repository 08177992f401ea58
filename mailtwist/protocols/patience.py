"""How long a peer may keep us waiting: one timer, which looks at the time when it rings.  rfc5321#4.5.3.2"""

from collections.abc import Callable
from math import inf
from typing import Protocol

SLOWEST = 512
"""Octets a second that a literal or a block has to bring, on average over a period."""


class Timer(Protocol):
    def active(self) -> bool: ...

    def reset(self, seconds: float) -> None: ...

    def cancel(self) -> None: ...


class Patience:
    """Watches while somebody waits for the peer; time that we take ourselves does not count."""

    __slots__ = (
        *("_later", "_expired", "_now", "_timer", "_until", "_rings"),
        *("_watching", "_fresh", "_seconds", "_enough", "_came"),
    )

    def __init__(
        self,
        later: Callable[[float, Callable[[], None]], Timer],
        expired: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        """`now` is in seconds and goes with `later`."""
        self._later = later
        self._expired = expired
        self._now = now
        self._timer: Timer | None = None
        self._until = self._rings = 0.0
        self._watching = self._fresh = False
        self._seconds: float | None = None
        self._enough = inf
        self._came = 0

    def watch(self, seconds: float | None, enough: float = inf) -> None:
        """The peer has `seconds` from now (None: any time), and as long again whenever it has brought
        `enough` octets by then."""
        self._seconds, self._enough, self._came = seconds, enough, 0
        self._fresh = False
        self._watching = seconds is not None
        if seconds is not None:
            self._set(seconds)

    def begin(self, seconds: float, rate: float = inf) -> None:
        """Time counts from the first wait, which `go_on` announces; `rate` octets a second are enough."""
        self._seconds, self._enough, self._fresh = seconds, rate * seconds, True

    def rest(self) -> None:
        """Nobody waits."""
        self._watching = False

    def go_on(self) -> None:
        """The wait that `rest` interrupted goes on; a period that ended meanwhile begins anew."""
        if self._fresh or self._timer is None:
            self.watch(self._seconds, self._enough)
        else:
            self._watching = self._seconds is not None

    def came(self, octets: int) -> None:
        self._came += octets

    def end(self) -> None:
        """No timer is left."""
        self._watching = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _set(self, seconds: float) -> None:
        """A timer that rings too early is left alone: it will look how long it still is.  Most never ring."""
        self._until = self._now() + seconds
        if self._timer is None:
            self._timer = self._later(seconds, self._ring)
        elif self._until < self._rings:
            self._timer.reset(seconds)
        else:
            return
        self._rings = self._until

    def _ring(self) -> None:
        self._timer = None
        if (left := self._until - self._now()) > 0:
            self._timer = self._later(left, self._ring)
            self._rings = self._until
        elif self._watching and self._came >= self._enough:
            self.watch(self._seconds, self._enough)
        elif self._watching:
            self._expired()


class Stretch:
    """How long others have waited for their turn while we answered a pipeline."""

    TURNS = 100
    SECONDS = 0.01

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._turns = 0
        self.begin()

    def begin(self) -> None:
        """Others have had their turn."""
        self._begun = self._seconds()

    def over(self) -> bool:
        """One more is answered; it is time to let others work."""
        self._turns += 1
        return self._turns % self.TURNS == 0 or self._seconds() > self._begun + self.SECONDS
