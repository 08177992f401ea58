"""Limits with everything they stand on, in which nothing happens by chance."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import Source, TooManyAttempts
from mailtwist.auth.limits import Admission, Attempt, Limits
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.network import Networks
from mailtwist.kit.spawn import started
from mailtwist.state.records import Ban, Bucket, Charge, Denied
from mailtwist.state.volatile.memory import MemoryState
from mailtwist.state.volatile.memory import Settings as MemorySettings
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock

UNTRUSTED, KNOWN, TRUSTED = Source.UNTRUSTED, Source.KNOWN, Source.TRUSTED


class FixedKeys:
    """A hash that is the same each time."""

    def versions(self, name: str) -> tuple[int, ...]:
        return (1,)

    def mac(self, name: str, version: int, *fields: str | bytes) -> bytes:
        return sha256(repr((name, version, fields)).encode()).digest()


class AdminBans:
    """What of the durable state limits ask for."""

    def __init__(self) -> None:
        self.there: list[Ban] = []
        self.number = 0
        self.read = 0

    def ban(self, subject: str, until: float, reason: str = "") -> None:
        self.there = [
            *(ban for ban in self.there if ban.subject != subject),
            Ban(subject, reason, until, "root"),
        ]
        self.number += 1

    def version(self) -> int:
        return self.number

    async def bans(self) -> Sequence[Ban]:
        self.read += 1
        return self.there


class Watched(MemoryState):
    """Tells how often it was asked for a charge, and of what it was told members."""

    charges = 0

    def __init__(self, settings: MemorySettings, assembly: OnePart) -> None:
        super().__init__(settings, assembly)
        self.told: list[tuple[str, bytes]] = []

    async def add_distinct(self, key: str, member: bytes, window: float) -> int:
        self.told.append((key, member))
        return await super().add_distinct(key, member, window)

    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        self.charges += 1
        return await super().charge(buckets, lease)


class LimitsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.build()

    def build(self, trusted: str = "", **settings: Any) -> None:
        self.clock = ManualClock()
        self.state = Watched(MemorySettings(), OnePart(Path(), clock=self.clock))
        self.admin = AdminBans()
        self.settings = LimitsSettings(**settings)
        self.trusted = Networks.parse(trusted)
        self.limits = self.process()

    def process(self) -> Limits:
        """Another process with the same state."""
        return Limits(
            durable=self.admin,  # type: ignore[arg-type]
            volatile=self.state,
            keys=FixedKeys(),  # type: ignore[arg-type]
            clock=self.clock,
            settings=self.settings,
            trusted=self.trusted,
        )

    def attempt(
        self, address: str = "192.0.2.7", account: str = "a1", source: Source = UNTRUSTED, **more: Any
    ) -> Attempt:
        known = {"known": True, "kind": "totp", "password": b"", "login": "ann@example.org"}
        return Attempt(source=source, account=account, address=address, **{**known, **more})

    def begin(self, *where: Any, limits: Limits | None = None, **more: Any) -> Deferred[Admission]:
        return started((limits or self.limits).admitted(self.attempt(*where, **more)))

    def admitted(self, *where: Any, **more: Any) -> Admission:
        return self.successResultOf(self.begin(*where, **more))

    def fail_one(self, *where: Any, **more: Any) -> None:
        self.successResultOf(started(self.admitted(*where, **more).failed()))

    def succeed(self, *where: Any, **more: Any) -> None:
        self.successResultOf(started(self.admitted(*where, **more).forgiven()))

    def denied(self, *where: Any, **more: Any) -> TooManyAttempts:
        error: TooManyAttempts = self.failureResultOf(self.begin(*where, **more), TooManyAttempts).value
        return error

    def failures(self, most: int, *where: Any, **more: Any) -> int:
        """How many of `most` wrong attempts are judged before one is denied."""
        for count in range(most):
            admitted = self.successResultOf(self.begin(*where, **more).addErrback(_denied))
            if admitted is None:
                return count
            self.successResultOf(started(admitted.failed()))
        return most

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]


def _denied(failure: Failure) -> None:
    failure.trap(TooManyAttempts)
