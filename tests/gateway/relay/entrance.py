"""A gateway's server in memory, whose client comes to a server behind in memory."""

from types import SimpleNamespace
from typing import Any

from twisted.cred.portal import IRealm, Portal
from zope.interface import implementer

from mailtwist.gateway.api import IUpstreamSession
from mailtwist.gateway.relay.joined import Bounds
from mailtwist.services.pop3_gateway import Server as Pop3
from mailtwist.services.sieve_gateway import Server as Sieve
from mailtwist.testing.wire import Wire
from tests.gateway.mail_behind import Behind
from tests.protocols.pop3.scene import Checker

OFFERS = {
    "pop3": (
        "TOP",
        "UIDL",
        "PIPELINING",
        "RESP-CODES",
        "USER",
        "SASL PLAIN",
        "STLS",
        "IMPLEMENTATION x",
        "LANG",
    ),
    "sieve": (
        "IMPLEMENTATION x",
        "SIEVE fileinto reject",
        "SASL ",
        "STARTTLS",
        "UNAUTHENTICATE",
        "VERSION 1.0",
    ),
}
LOGINS = {
    "pop3": b"USER ann\r\nPASS sec ret \r\n",
    "sieve": b'AUTHENTICATE "PLAIN" "AGFubgBzZWMgcmV0IA=="\r\n',
}


@implementer(IRealm)
class Realm:
    """Everybody's session is `behind`; `out` is who has left."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind
        self.out: list[bytes] = []

    def requestAvatar(self, avatar: bytes, mind: object, *interfaces: object) -> Any:
        assert interfaces == (IUpstreamSession,)
        return IUpstreamSession, self.behind, lambda: self.out.append(avatar)


class Entrance:
    """`client` is the client's end of a connection; `behind` the server behind."""

    def __init__(
        self,
        kind: str,
        offers: tuple[str, ...] | None = None,
        allow: tuple[str, ...] = (),
        early: tuple[str, ...] = (),
        bounds: Bounds = Bounds(idle=600),
    ) -> None:
        self.behind = Behind(kind, OFFERS[kind] if offers is None else offers)  # type: ignore[arg-type]
        self.realm = Realm(self.behind)
        self.clock = self.behind.clock
        server: Any = Pop3() if kind == "pop3" else Sieve()
        server.door = SimpleNamespace(present=set(), service=kind, closing=False, gone=lambda guest: None)
        server.clock, server.portal = self.clock, Portal(self.realm, [Checker()])
        server.allow, server.relay_bounds, server.early = allow, bounds, lambda: early
        if kind == "pop3":
            from mailtwist.protocols.pop3.extension import Dialect
            from mailtwist.services.pop3_gateway import OF_A_MAILDROP

            server.dialect = Dialect.installed(OF_A_MAILDROP)
        self.server = server
        self.client = Wire(server, tls=True)
        self.login = LOGINS[kind]

    def logged_in(self) -> "Entrance":
        self.client.send(self.login)
        said = self.client.read()
        assert said.endswith((b"+OK Logged in\r\n", b'OK "Logged in"\r\n')), said
        assert self.behind.heard() == b""
        return self
