"""The IMAP gateway in memory: a client's end, and a server behind that says what a test tells it to."""

from types import SimpleNamespace
from typing import Any

from twisted.cred.portal import Portal

from mailtwist.gateway.relay.joined import Bounds
from mailtwist.protocols.imap.extension import Dialect
from mailtwist.services.imap_gateway import SPOKEN, Server
from mailtwist.testing.wire import Wire
from tests.gateway.mail_behind import Behind
from tests.gateway.relay.entrance import Realm
from tests.protocols.pop3.scene import Checker

OFFERS = tuple(
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL- MULTIAPPEND UIDPLUS MOVE NAMESPACE BINARY"
    " COMPRESS=DEFLATE UNAUTHENTICATE STARTTLS AUTH=PLAIN X-UNHEARD-OF QUOTA=RES-STORAGE".split()
)
CARRIED = b"IMAP4rev1 ENABLE IDLE MULTIAPPEND UIDPLUS MOVE NAMESPACE BINARY QUOTA=RES-STORAGE ID LITERAL+"


class Scene:
    """`client` is the client's end of a connection, `behind` the server's."""

    def __init__(
        self, offers: tuple[str, ...] = OFFERS, allow: tuple[str, ...] = (), bounds: Bounds | None = None
    ) -> None:
        self.behind = Behind("imap", offers)
        self.realm = Realm(self.behind)
        self.clock = self.behind.clock
        server: Any = Server()
        server.door = SimpleNamespace(present=set(), service="imap", closing=False, gone=lambda guest: None)
        server.clock, server.portal = self.clock, Portal(self.realm, [Checker()])
        server.dialect = Dialect.only(SPOKEN)
        server.bounds, server.allow = bounds or Bounds(), frozenset(allow)
        self.server = server
        self.client = Wire(server, tls=True)

    def logged_in(self) -> "Scene":
        self.client.read()
        self.client.send(b'a0 LOGIN ann "sec ret "\r\n')
        said = self.client.read()
        assert said == b"a0 OK [CAPABILITY %b] Logged in\r\n" % CARRIED or self.behind.offers != OFFERS, said
        return self

    def asks(self, said: bytes) -> bytes:
        """What the server behind hears of it."""
        self.client.send(said)
        return self.behind.heard()

    def says(self, said: bytes) -> bytes:
        """What the client hears of it."""
        self.behind.says(said)
        return self.client.read()
