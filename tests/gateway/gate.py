"""The decision in front of a real server behind: a portal with the gateway's realm, and one person."""

from pathlib import Path
from typing import Any

import pyotp
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Directory, LoginRequest
from mailtwist.auth.credentials import MailLogin
from mailtwist.auth.factors.totp import Settings as TotpSettings
from mailtwist.auth.factors.totp import Totp
from mailtwist.config.login import LoginSettings
from mailtwist.gateway.api import IUpstreamSession, Route
from mailtwist.gateway.chosen import Chosen
from mailtwist.gateway.directory import Settings, part
from mailtwist.gateway.realm import GatewayRealm
from mailtwist.gateway.upstream.server import Server
from mailtwist.services.portal import portal
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from tests.auth.house import memory
from tests.gateway.behind import NAME


class Gate:
    """`log_in` is a client's try; the decision's time passes by itself while somebody waits.  With a `route`,
    logins go to `there` or to `other`."""

    def __init__(
        self,
        test: TestCase,
        there: Server,
        directory: Directory | None = None,
        other: Server | None = None,
        route: Route | None = None,
        login: LoginSettings | None = None,
    ) -> None:
        folder = Path(test.mktemp())
        folder.mkdir(parents=True)
        self.clock = ManualClock()
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        test.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        parts: dict[str, dict[str, Any]] = {
            "upstream": {"there": there, **({} if other is None else {"other": other})},
            "route": {} if route is None else {"r": route},
            "directory": {},
            "factor": {},
            "state": {},
        }
        self.assembly = OnePart(
            folder, clock=self.clock, threads=AtOnce(), parts=parts, login=login or LoginSettings()
        )
        test.addCleanup(self.assembly.stop)
        parts["state"]["shared"] = memory(self.assembly)
        where = Settings(upstream="there") if route is None else Settings(route="r")
        people = directory or part.build(where, self.assembly)
        parts["directory"]["people"] = people
        self.directory: Any = people
        self.totp = parts["factor"]["totp"] = Totp(TotpSettings(), self.assembly)
        realm = GatewayRealm(Chosen(self.assembly, where.upstream, where.route))
        self.portal: Portal = portal(self.assembly, realm)

    async def begin(self) -> None:
        await self.assembly.start()
        person = await self.directory.find(NAME)
        enrolment = await self.totp.enroll(person.account, NAME)
        self._secret = enrolment.secret
        assert await self.totp.confirm(person.account, self.code())
        self.clock.advance(30)

    def code(self) -> str:
        return pyotp.TOTP(self._secret).at(int(self.clock.now()))

    def coded(self, password: bytes) -> bytes:
        """With a code that was not used before."""
        self.clock.advance(30)
        return password + b"@" + self.code().encode()

    def started(
        self,
        secret: bytes,
        protocol: Any = "imap",
        interface: Any = IUpstreamSession,
        name: str = NAME,
        **more: Any,
    ) -> Deferred[Any]:
        request = LoginRequest(protocol, name.encode(), secret, "203.0.113.5", tls=True, **more)
        asked: Deferred[Any] = self.portal.login(MailLogin(request), None, interface)
        return asked

    async def log_in(
        self, secret: bytes, protocol: Any = "imap", interface: Any = IUpstreamSession, **more: Any
    ) -> Any:
        """(avatar, logout), or the failure."""
        outcome: list[Any] = []
        asked = self.started(secret, protocol, interface, **more).addBoth(outcome.append)
        assert asked is not None
        for _ in range(3000):
            if outcome:
                break
            await deferLater(reactor, 0.005)
            self.clock.advance(0.05)
        [found] = outcome
        return found if isinstance(found, Failure) else found[1:]

    def reasons(self) -> list[str]:
        """Why logins were not accepted."""
        return [
            event["reason"]
            for event in self.events
            if str(event.get("event_id", "")).startswith("login.") and event.get("reason")
        ]
