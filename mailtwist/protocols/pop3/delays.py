"""Who logged in a moment ago and has to wait.  rfc2449#8.1.1"""

from mailtwist.kit.clock import Clock
from mailtwist.protocols.pop3.command import No


class TooSoon(No):
    def __init__(self) -> None:
        super().__init__("Wait a while before the next login", "LOGIN-DELAY", "4.7.0")


class Delays:
    """The logins of one service, `seconds` apart for each account; 0: as they come."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self._last: dict[str, float] = {}  # the oldest first

    def check(self, account: str, clock: Clock) -> None:
        """`TooSoon`, or nothing."""
        last = self._last.get(account)
        if last is not None and clock.seconds() < last + self.seconds:
            raise TooSoon

    def note(self, account: str, clock: Clock) -> None:
        """`account` has logged in now."""
        if not self.seconds:
            return
        now = clock.seconds()
        self._last.pop(account, None)
        self._last[account] = now
        while (oldest := next(iter(self._last))) != account and self._last[oldest] + self.seconds <= now:
            del self._last[oldest]
