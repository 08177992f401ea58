"""A ManageSieve server in memory at whose door ann and jürgen can log in."""

from typing import Any

from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from mailtwist.protocols.sieve.server import SieveServer
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.protocols.pop3.scene import Checker

CAPABILITIES = b'"IMPLEMENTATION" "mailtwist"\r\n"SASL" "PLAIN LOGIN"\r\n"VERSION" "1.0"\r\n'
LOGIN = b'AUTHENTICATE "PLAIN" "AGFubgBzZWMgcmV0IA=="\r\n'


class IScripts(Interface):
    """What a login is good for."""


@implementer(IRealm)
class Realm:
    """`came` is who has logged in, `out` who has been logged out.  `gate` holds up the way in."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.out: list[bytes] = []
        self.gate: Deferred[None] | None = None

    def requestAvatar(self, avatar: bytes, mind: object, *interfaces: object) -> Any:
        assert interfaces == (IScripts,)
        self.came.append(avatar)
        answer: Any = (IScripts, avatar, lambda: self.out.append(avatar))
        return answer if self.gate is None else self.gate.addCallback(lambda _: answer)


class Scene:
    """`connect` gives the wire of a new connection."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.checker = Checker()
        self.realm = Realm()
        self.servers: list[SieveServer] = []

    def connect(self, *, tls: bool = True, **attributes: Any) -> Wire:
        server = SieveServer()
        server.portal = Portal(self.realm, [self.checker])
        server.clock, server.ctx, server.asked_for = self.clock, object(), (IScripts,)
        for name, value in attributes.items():
            setattr(server, name, value)
        self.servers.append(server)
        return Wire(server, tls=tls)

    def greeted(self, **how: Any) -> Wire:
        """A connection whose greeting has been read."""
        wire = self.connect(**how)
        wire.read()
        return wire
