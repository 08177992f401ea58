"""A client of the gateway in memory, whose mail goes to a server behind in memory."""

import base64
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from zope.interface import implementer

from mailtwist.config.network import Networks
from mailtwist.config.values import Names
from mailtwist.gateway.transaction import Performance
from mailtwist.kit.spawn import spawn
from mailtwist.protocols.smtp.door import IReception
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.services.door import Door
from mailtwist.services.handing import Behind as Offered
from mailtwist.services.handing import Forwarder, Handing, Submitting
from mailtwist.services.limits import Connections
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.gateway.mail_behind import Behind, Chosen, Upstream

AUTH = b"AUTH PLAIN " + base64.b64encode(b"\0ann\0sesame") + b"\r\n"


@implementer(ICredentialsChecker)
class Anybody:
    credentialInterfaces = (IUsernamePassword,)

    def requestAvatarId(self, credentials: Any) -> bytes:
        if credentials.username == b"eve":
            raise UnauthorizedLogin
        return bytes(credentials.username)


@implementer(IRealm)
class At:
    """Everybody is at this session."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind

    def requestAvatar(self, avatar: Any, mind: object, *interfaces: object) -> Any:
        performance = Performance(self.behind, "ann")
        return IReception, performance, lambda: spawn(performance.close(), "leaving")


def connected(server: Handing, kind: Any, offers: Any, limits: Limits, protocol: Any = "smtp") -> Wire:
    clock = ManualClock()
    upstreams = tuple(Upstream(f"u{number}", one) for number, one in enumerate(offers))
    door = Door("test", lambda: server, Connections(9, 9, 9), b"", Networks(), clock)
    server.door, server.clock, server.host = door, clock, "gateway.example.org"
    server.behind = Offered(lambda: upstreams, kind, Names(), limits, protocol)
    return Wire(server, tls=True)


def submission(behind: Behind, offers: Any = None, limits: Limits = Limits()) -> Wire:
    """Connected, with TLS, and nothing said."""
    server = Submitting()
    server.portal = Portal(At(behind), [Anybody()])
    server.login_required = True
    return connected(server, "submission", offers or [behind.offers], limits)


def logged_in(behind: Behind, **how: Any) -> Wire:
    wire = submission(behind, **how)
    wire.send(b"EHLO laptop.example\r\n" + AUTH)
    heard = wire.read()
    assert b"235 2.7.0" in heard, heard
    return wire


def forwarder(chosen: Chosen, kind: Any = "smtp", protocol: Any = "smtp", limits: Limits = Limits()) -> Wire:
    """Greeted: another mail server, or LMTP."""
    server = Forwarder()
    server.auth_offered = False
    server.chosen, server.kind = chosen, kind
    offers = [upstream.offers for upstream in chosen.possible]
    wire = connected(server, kind, offers, limits, protocol)
    wire.send(b"%s mx.elsewhere.example\r\n" % (b"LHLO" if protocol == "lmtp" else b"EHLO"))
    heard = wire.read()
    assert b"250 " in heard, heard
    return wire
