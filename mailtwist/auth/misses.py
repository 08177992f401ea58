"""How many strings were tried where: a saved `password@123456` has six digits, and is not guessed either."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_bytes

from mailtwist.auth.api import TooManyAttempts
from mailtwist.auth.places import client_of, network_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.part import Assembly
from mailtwist.config.rate import Rate
from mailtwist.kit.clock import Clock
from mailtwist.state.records import GUESSABLE, Device

MOST = 4096
"""Places of accounts that are known here; when there are more, those with the fewest tries are forgotten."""

LIMIT = "known_long"
"""The setting of [limits] that says how many there may be: it means places in which strings are honoured."""

EVERYWHERE = "everywhere"


@dataclass(slots=True)
class _Tried:
    """Different strings since `begun`, as keyed hashes."""

    begun: float
    marks: set[bytes] = field(default_factory=set)


class Misses:
    """Whoever knows a password can try codes until he meets one that somebody has saved.  Limits do not stop
    that: they hold for strings that nobody has saved, and a saved one is looked for before them, so that
    nobody who attacks keeps an owner out.  So strings that are none are counted here, also those that a limit
    stops, for each account and place.

    Beyond the limit a saved string is honoured at the very address where it was last, and nowhere else in
    that network; what was tried at that address counts by itself.  Each process counts for itself, needs
    nothing for it that could be away, and begins anew when it does."""

    def __init__(self, clock: Clock, most: Rate) -> None:
        self._clock = clock
        self._most = most
        self._key = token_bytes(32)
        self._tried: dict[tuple[str, str], _Tried] = {}

    def note(self, account: str, address: str, secret: bytes) -> None:
        """A string that nobody has saved.  It is said before anybody judges it."""
        mark, now = self._mark(secret), self._clock.seconds()
        for place in _places(address):
            tried = self._tried.get((account, place))
            if tried is None or now - tried.begun >= self._most.seconds:
                tried = self._tried[account, place] = _Tried(now)
            if len(tried.marks) < self._most.number:
                tried.marks.add(mark)
        if len(self._tried) > MOST:
            self._forget_least()

    def was_right(self, account: str, address: str, secret: bytes) -> None:
        """It was no guess after all."""
        mark = self._mark(secret)
        for place in _places(address):
            if (account, place) in self._tried:
                self._tried[account, place].marks.discard(mark)

    def check(self, device: Device, address: str) -> None:
        """`TooManyAttempts` when its string, which is right here, may have been guessed."""
        if device.kind not in GUESSABLE:
            return
        tried = self._tried.get((device.account, _place(device, address)))
        if tried is None or len(tried.marks) < self._most.number:
            return
        retry = tried.begun + self._most.seconds - self._clock.seconds()
        if retry > 0:
            raise TooManyAttempts("too-many-attempts", retry, LIMIT)

    def _forget_least(self) -> None:
        """Half of them, so that it is not done often."""
        most = sorted(self._tried, key=lambda place: len(self._tried[place].marks), reverse=True)
        for place in most[MOST // 2 :]:
            del self._tried[place]

    def _mark(self, secret: bytes) -> bytes:
        return blake2b(secret, digest_size=8, key=self._key).digest()


def _places(address: str) -> Iterator[str]:
    yield EVERYWHERE
    if client := client_of(address):
        yield client
        yield network_of(address)


def _place(device: Device, address: str) -> str:
    """The one in which its string would have been guessed."""
    client = client_of(address)
    if client and client == client_of(device.last_address):
        return client
    return EVERYWHERE if device.context == "open" else network_of(address)


def the_misses(assembly: Assembly) -> Misses:
    """For `assembly.one`."""
    return Misses(assembly.clock, getattr(assembly.settings(LimitsSettings), LIMIT))
