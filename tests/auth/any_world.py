"""Processes with a decision each, for connections that come and go in any order."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRefused, LoginRequest, LoginUnavailable, Person
from mailtwist.auth.decision import the_decision
from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.totp import Settings as TotpSettings
from mailtwist.auth.factors.totp import Totp
from mailtwist.auth.misses import the_misses
from mailtwist.config.limits import DAY, HOUR, LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.kit.threads import Threads
from mailtwist.state.process import durable, volatile
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.directory import MemoryDirectory
from mailtwist.testing.threads import InTurn

NAME, ACCOUNT, PASSWORD, SECOND = "ann@example.org", "a1", b"p@ss word", b"another pass word"
HOME, HOME_TOO = "192.0.2.7", "192.0.2.8"
CLIENTS = (HOME, HOME_TOO, "198.51.100.9", "203.0.113.5", "2001:db8::1")
LIMIT = 5
LIMITS = LimitsSettings(
    account=Rate(LIMIT, HOUR),
    account_long=Rate(LIMIT, 30 * DAY),
    known=Rate(LIMIT, HOUR),
    known_long=Rate(LIMIT, 30 * DAY),
)
SAVED, RIGHT, RIGHT_TOO, OTHER = "saved", "right", "right, too", "right code, wrong password"


class InTurns(InTurn):
    """Work is done when the test says so, or at once while `at_once`."""

    at_once = True

    async def run(self, work: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        return work(*args, **kw) if self.at_once else await super().run(work, *args, **kw)


class Counted(Totp):
    """Tells the world what it judged."""

    world: "World"

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        if asked.account == ACCOUNT:
            self.world.looked_at += 1
        proof = await super().verify(asked, code)
        if asked.account == ACCOUNT and proof is not None:
            self.world.found_right += 1
        return proof


class People(MemoryDirectory):
    """Tells the world how many passwords were wrong.  There is a second one that is right."""

    wrong = 0

    async def accepts(self, person: Person, password: bytes) -> bool:
        right = await super().accepts(person, PASSWORD if password == SECOND else password)
        self.wrong += not right
        return right


@dataclass
class Attempt:
    process: "Process"
    string: str | int
    secret: bytes
    client: str
    waiting: Deferred[Any] | None = None
    over: str = ""  # "in", "refused", "later", "left"
    how: str = ""


@dataclass
class World:
    """What all processes share, and what is known of what happened there."""

    folder: Path
    clock: ManualClock
    chance: random.Random
    people: People = field(default_factory=People)
    looked_at: int = 0
    found_right: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    secret: str = ""
    saved: bytes = b""

    def code(self) -> bytes:
        return pyotp.TOTP(self.secret).at(int(self.clock.now())).encode()

    def string(self, what: str | int) -> bytes:
        if what == SAVED:
            return self.saved
        if what == RIGHT:
            return PASSWORD + b"@" + self.code()
        if what == RIGHT_TOO:
            return SECOND + b"@" + self.code()
        if what == OTHER:
            return b"no pass word@" + self.code()
        return PASSWORD + b"@" + self.wrong[int(what)]

    @property
    def failures(self) -> int:
        """Guesses that somebody looked at and did not find right."""
        return self.looked_at - self.found_right + self.people.wrong

    def forget(self) -> None:
        self.looked_at = self.found_right = self.people.wrong = 0

    @property
    def wrong(self) -> Sequence[bytes]:
        """Codes that are right at no time of the test, as good as."""
        return [b"%06d" % (number * 90_001 + 17) for number in range(12)]


class Process:
    """One, with its decision and all that this stands on."""

    def __init__(self, world: World, threads: Threads, state: Callable[[OnePart], Any]) -> None:
        self.world, self.threads = world, threads
        self._state = state

    async def begin(self) -> None:
        factors: dict[str, Any] = {}
        shared: dict[str, Any] = {}
        self.assembly = OnePart(
            self.world.folder,
            clock=self.world.clock,
            threads=self.threads,
            parts={"directory": {"people": self.world.people}, "factor": factors, "state": shared},
            once=(LIMITS,),
        )
        shared["shared"] = self._state(self.assembly)
        self.totp = factors["totp"] = Counted(TotpSettings(), self.assembly)
        self.totp.world = self.world
        self.assembly.one(the_misses)._most = Rate(1000, DAY)  # with as few as `known_long`, none works on
        self.decision = self.assembly.one(the_decision)
        self.durable, self.volatile = durable(self.assembly), volatile(self.assembly)
        await self.volatile.start() if hasattr(self.volatile, "start") else None
        await self.assembly.start()

    async def end(self) -> None:
        await self.assembly.stop()
        await self.volatile.stop() if hasattr(self.volatile, "stop") else None

    def come(self, string: str | int, client: str) -> Attempt:
        secret = self.world.string(string)
        one = Attempt(self, string, secret, client)
        self.world.attempts.append(one)
        request = LoginRequest("imap", NAME.encode(), secret, client, tls=True)
        waiting = started(self.decision.decide(request))

        def over(result: Any) -> None:
            if not isinstance(result, Failure):
                one.over, one.how = "in", self.world.events[-1]["how"]
            elif result.check(LoginRefused):
                one.over = "refused"
            elif result.check(LoginUnavailable):
                one.over = "later"
            elif result.check(CancelledError):
                one.over = "left"
            else:
                one.over = str(result.value)

        one.waiting = waiting.addBoth(over)
        return one
