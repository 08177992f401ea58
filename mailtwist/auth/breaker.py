"""A directory that is away: while it is, nobody's code is looked at, and nobody's password is blamed."""

from enum import Enum

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.login import LoginSettings
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event

AWAY = Event(
    "directory.away",
    "[directory:{directory}]{place} {reason}: logins are temporary trouble for {seconds} s",
    "error",
)
BACK = Event("directory.back", "[directory:{directory}]{place} answers again")

TOGETHER = 60.0
"""Seconds within which trouble adds up."""

ACCOUNTS = 3
"""Different accounts whose saved strings are refused in that time, and nobody accepted between: it is the
directory that refuses everybody, as some do when they are overloaded."""

DOUBTED = 3600.0
"""Seconds after which a directory that does nothing but refuse is believed: the passwords have changed."""

LONGEST = 60.0
EVERYBODY = "refuses everybody"


class _State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Breaker:
    """One for each directory, and for each `place` to which it sends logins.  Whoever will need it asks to
    `enter` first, before his code is looked at.

    It opens when the directory does not answer: to so many (`directory_troubles`) different clients within a
    minute with no answer between, or once to somebody whose code was right: he could tell from the
    difference.  One client alone may be the reason, by a name, say, that the directory chokes on.  Then
    nobody enters for `directory_pause`; after that one at a time tries, and one of those with a saved string,
    who can learn nothing: a crowd of guesses that never come as far as the directory does not keep it shut.
    Each failure doubles the pause, up to a minute.

    It opens, too, when the directory refuses the saved strings of several accounts and accepts nobody.  Those
    accounts are no news then: they do not shut it again, and are not asked about for a while, or whoever has
    a few of them could keep everybody else out."""

    def __init__(self, name: str, clock: Clock, settings: LoginSettings, place: str = "") -> None:
        self._name = name
        self._place = place
        self._clock = clock
        self._most = settings.directory_troubles
        self._pause = float(settings.directory_pause)
        self._state = _State.CLOSED
        self._next_pause = self._pause
        self._until = 0.0
        self._probes: dict[bool, Entry | None] = {True: None, False: None}
        self._troubles: dict[str, float] = {}
        self._suspects: dict[str, float] = {}
        self._doubted_since: float | None = None
        self._believed = False

    def enter(self, trusted: bool) -> "Entry":
        """The right to ask the directory.  `trusted`: with a string that is remembered.  `LoginUnavailable`
        when the directory is away."""
        entry = Entry(self, trusted)
        if self._state is _State.CLOSED:
            return entry
        if self._state is _State.OPEN and self._clock.seconds() >= self._until:
            self._state = _State.HALF_OPEN
        if self._state is _State.OPEN or self._probes[trusted] is not None:
            raise LoginUnavailable("directory-away")
        self._probes[trusted] = entry
        return entry

    @property
    def where(self) -> tuple[str, str]:
        """The directory, and the place to which it sends logins."""
        return self._name, self._place

    def is_old_news(self, account: str) -> bool:
        """Its saved string was refused a moment ago, by a directory that is not believed."""
        refused = self._suspects.get(account, float("-inf"))
        return self._doubted_since is not None and self._clock.seconds() - refused < TOGETHER

    # -- what became of an entry
    def accepted(self) -> None:
        self._troubles.clear()
        self._suspects.clear()
        self._believed = False
        self._close()

    def refused(self, entry: "Entry", account: str) -> bool:
        self._troubles.clear()
        if self._doubted_since is None:
            self._close()
        if not entry.trusted:
            return True
        return self._believes(account)

    def away(self, entry: "Entry", reason: str, coded: bool, who: str) -> None:
        now = self._clock.seconds()
        if self._state is _State.CLOSED:
            self._troubles = {one: then for one, then in self._troubles.items() if then > now - TOGETHER}
            self._troubles[who] = now
            if coded or len(self._troubles) >= self._most:
                self._open(reason)
        elif entry in self._probes.values():
            self._open(reason)

    def left(self, entry: "Entry") -> None:
        if self._probes[entry.trusted] is entry:
            self._probes[entry.trusted] = None

    # -- its states
    def _believes(self, account: str) -> bool:
        """A refused string is its owner's affair, as far as we can tell."""
        now = self._clock.seconds()
        if self._believed:
            return True
        if self._doubted_since is None:
            return not self._doubts(account, now)
        if now - self._doubted_since >= DOUBTED:
            self._believed = True
            self._close()
        else:
            new = account not in self._suspects
            self._suspects[account] = now
            if new and self._state is _State.HALF_OPEN:
                self._open(EVERYBODY)
        return self._believed

    def _doubts(self, account: str, now: float) -> bool:
        self._suspects = {who: then for who, then in self._suspects.items() if then > now - TOGETHER}
        self._suspects[account] = now
        if len(self._suspects) < ACCOUNTS:
            return False
        self._doubted_since = now
        self._open(EVERYBODY)
        return True

    def _open(self, reason: str) -> None:
        self._state = _State.OPEN
        pause, self._next_pause = self._next_pause, min(LONGEST, 2 * self._next_pause)
        self._until = self._clock.seconds() + pause
        self._probes = {True: None, False: None}
        self._troubles.clear()
        AWAY.log(directory=self._name, place=self._place, reason=reason, seconds=round(pause, 1))

    def _close(self) -> None:
        if self._state is _State.CLOSED:
            return
        self._state = _State.CLOSED
        self._next_pause = self._pause
        self._doubted_since = None
        self._suspects.clear()
        self._probes = {True: None, False: None}
        BACK.log(directory=self._name, place=self._place)


class Entry:
    """One attempt behind the breaker.  In the end it has `left`, whatever it learned about the directory."""

    def __init__(self, breaker: Breaker, trusted: bool) -> None:
        self._breaker = breaker
        self.trusted = trusted

    @property
    def where(self) -> tuple[str, str]:
        """The directory, and the place."""
        return self._breaker.where

    def is_old_news(self, account: str) -> bool:
        """There is no use in asking about this account's saved string again so soon."""
        return self.trusted and self._breaker.is_old_news(account)

    def accepted(self) -> None:
        """The directory took a password."""
        self._breaker.accepted()

    def refused(self, account: str) -> bool:
        """The directory refused a password.  False: it seems to refuse everybody, and this says nothing about
        the account's."""
        return self._breaker.refused(self, account)

    def away(self, reason: str, coded: bool, who: str) -> None:
        """The directory did not answer, and the code, if any (`coded`), was right.  `who` is what counts as
        one client."""
        self._breaker.away(self, reason, coded, who)

    def left(self) -> None:
        """Somebody else may try."""
        self._breaker.left(self)
