"""Makes IMAP servers, as `twisted.mail.protocols.ESMTPFactory` makes those of SMTP.  rfc3501#2.1"""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory

from mailtwist.kit.clock import Clock
from mailtwist.protocols.imap.extension import Dialect, whole
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.imap.server import IMAP4Server


class IMAP4Factory(ServerFactory):
    """`protocol` may be any class or callable that makes an `IMAP4Server`.  What is set here is set on each
    server; `trusted` says which client addresses may log in without TLS."""

    protocol: Any = IMAP4Server
    noisy = False

    def __init__(
        self,
        portal: Any = None,
        ctx: Any = None,
        challengers: Mapping[bytes, Callable[[], Any]] | None = None,
        limits: Limits | None = None,
        dialect: Dialect | None = None,
        trusted: Callable[[str], bool] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.portal = portal
        self.ctx = ctx
        self.challengers = dict(challengers or {})
        self.limits = limits or Limits()
        self.dialect = dialect or whole()
        self.trusted = trusted
        self.clock = clock

    def buildProtocol(self, addr: IAddress | None) -> Any:
        server: Any = super().buildProtocol(addr)
        if server is not None:
            self.equip(server)
        return server

    def equip(self, server: Any) -> None:
        """All that this factory knows is set on `server`."""
        server.portal, server.ctx, server.challengers = self.portal, self.ctx, self.challengers
        server.limits, server.dialect = self.limits, self.dialect
        if self.trusted is not None:
            server.trusted = self.trusted
        if self.clock is not None:
            server.clock = self.clock
