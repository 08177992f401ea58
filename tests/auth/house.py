"""A decision with everything it stands on, in which nothing happens by chance."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import (
    Accepted,
    Directory,
    LoginRefused,
    LoginRequest,
    LoginUnavailable,
)
from mailtwist.auth.decision import Decision, the_decision
from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.totp import Settings, Totp
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import installed
from mailtwist.kit.spawn import started
from mailtwist.kit.threads import Threads
from mailtwist.state.process import durable, volatile
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.directory import MemoryDirectory
from mailtwist.testing.threads import AtOnce

NAME, PASSWORD = "ann@example.org", b"p@ss word"
HOME, HOME_TOO, AWAY = "192.0.2.7", "192.0.2.8", "198.51.100.9"


def memory(assembly: OnePart) -> Any:
    """What connections share, in the memory of the process."""
    part = installed("mailtwist.state")["memory"].load()
    return part.build(part.settings(), assembly)


class WatchedTotp(Totp):
    """Tells which codes it was asked about."""

    def __init__(self, assembly: OnePart) -> None:
        super().__init__(Settings(), assembly)
        self.asked: list[tuple[str, str]] = []

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        self.asked.append((asked.account, code))
        return await super().verify(asked, code)


class House(SynchronousTestCase):
    """One account, `NAME`, with a confirmed token."""

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.build()

    def build(
        self,
        *,
        threads: Threads | None = None,
        directory: Directory | None = None,
        directories: dict[str, Directory] | None = None,
        enrolled: bool = True,
        factored: bool = True,
        once: Iterable[Any] = (),
        named: Mapping[type, Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        self.directory = MemoryDirectory()
        self.person = self.directory.add(NAME, PASSWORD, "a1")
        factors = self.factors = dict[str, Any]()
        people = {"people": directory or self.directory} if directories is None else directories
        self.state: dict[str, Any] = {}
        parts = {"directory": people, "factor": factors if factored else {}, "state": self.state}
        login = LoginSettings(**settings)
        self.assembly = OnePart(
            folder,
            clock=self.clock,
            threads=AtOnce(),
            parts=parts,
            login=login,
            once=once,
            named=named,
        )
        self.addCleanup(lambda: self.successResultOf(started(self.assembly.stop())))
        self.state["shared"] = memory(self.assembly)
        self.totp = factors["totp"] = WatchedTotp(self.assembly)
        self.decision = self.begun()
        self.secret = pyotp.random_base32()
        if enrolled:
            self.enroll()
        if threads is not None:
            database = self.durable._db
            database._threads = threads
            self.addCleanup(setattr, database, "_threads", AtOnce())

    def begun(self) -> Decision:
        decision = self.assembly.one(the_decision)
        self.successResultOf(started(self.assembly.start()))
        self.durable: Any = durable(self.assembly)
        self.volatile: Any = volatile(self.assembly)
        return decision

    def enroll(self) -> None:
        enrolment = self.successResultOf(started(self.totp.enroll("a1", NAME)))
        self.secret = enrolment.secret
        self.assertTrue(self.successResultOf(started(self.totp.confirm("a1", self.code()))))
        self.clock.advance(30)

    def restart(self) -> None:
        """The process ends and another one begins; only what is on the disk remains."""
        self.successResultOf(started(self.assembly.stop()))
        self.assembly._one.clear()
        self.state["shared"] = memory(self.assembly)
        self.totp._seeds = WatchedTotp(self.assembly)._seeds
        self.decision = self.begun()

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(int(self.clock.now()) + 30 * steps)

    def right(self, steps: int = 0) -> bytes:
        """The password with a code that is right now."""
        return PASSWORD + b"@" + self.code(steps).encode()

    def wrong(self) -> bytes:
        """The password with a code that is not right."""
        codes = {self.code(step) for step in range(-3, 4)}
        return PASSWORD + b"@" + next(code for n in range(9) if (code := f"{n}" * 6) not in codes).encode()

    def request(
        self, secret: bytes, address: str = HOME, user: str | bytes = NAME, **more: Any
    ) -> LoginRequest:
        octets = user.encode() if isinstance(user, str) else user
        return LoginRequest(more.pop("protocol", "imap"), octets, secret, address, tls=True, **more)

    def begin(
        self, secret: bytes, address: str = HOME, user: str | bytes = NAME, **more: Any
    ) -> Deferred[Accepted]:
        return started(self.decision.decide(self.request(secret, address, user, **more)))

    def accepted(self, secret: bytes, address: str = HOME, user: str | bytes = NAME, **more: Any) -> Accepted:
        return self.successResultOf(self.begin(secret, address, user, **more))

    def refused(self, secret: bytes, address: str = HOME, user: str | bytes = NAME, **more: Any) -> str:
        """The reason, which only the log knows."""
        waiting = self.begin(secret, address, user, **more)
        self.assertNoResult(waiting)
        self.clock.advance(2)
        error = self.failureResultOf(waiting, LoginRefused).value
        self.assertEqual((error.status, error.public), ("5.7.8", "Authentication failed"))
        return error.reason

    def unavailable(self, secret: bytes, address: str = HOME, **more: Any) -> None:
        waiting = self.begin(secret, address, **more)
        self.assertNoResult(waiting)
        self.clock.advance(2)
        error = self.failureResultOf(waiting, LoginUnavailable).value
        self.assertEqual((error.status, error.public), ("4.7.0", "Temporary authentication failure"))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]
