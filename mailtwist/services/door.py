"""What every mail service does at its door: who may come in, who is here, and how everybody leaves."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.config.network import Networks
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.protocols.server import in_handshake
from mailtwist.protocols.turns import TakesTurns
from mailtwist.services.limits import Connections, Refusals
from mailtwist.services.listen import plain

OPENED = Event("connection.opened", "{service}: from {address}", "debug")
CLOSED = Event("connection.closed", "{service}: from {address}", "debug")
TOO_MANY = Event(
    "connection.too_many", "{service}: {address} has too many connections, {count} were refused", "warn"
)

NOT_ALLOWED = Event(
    "connection.not_allowed", "{service}: {address} may not connect, {count} were refused", "warn"
)

MOST_REFUSED = 100
"""Connections that are being told why they are refused; more are cut off without a word."""

NOT_HERE = b"554 5.7.1 This service is not for your network"
"""For services that let in some networks only; they speak SMTP or LMTP (rfc5321#3.1)."""

PATIENCE_FOR_A_HANDSHAKE = 60.0
"""However long a client may think that speaks a protocol already."""

PATIENCE_FOR_A_REFUSAL = 10.0
PATIENCE_WITH_LEAVING = 3.0
PATIENCE_WITH_DISMISSED = 0.5


class Visitor:
    """Stands first in the class of a service's server: its door learns who comes and who goes."""

    door: "Door"
    factory: Any
    transport: Any
    address = service = ""
    counted = False

    if TYPE_CHECKING:  # the server's own; a def here would hide them
        clock: Clock

        @property
        def visit(self) -> str:
            """The connection's id in the log."""

        @property
        def said_goodbye(self) -> bool: ...

        def finish(self) -> None:
            """Goodbye, after what is under way."""

    def makeConnection(self, transport: Any) -> None:
        self.door.present.add(self)
        cast(Any, super()).makeConnection(transport)
        OPENED.log(service=self.door.service, address=self.address, connection=self.visit)
        if self.door.closing:  # it was in the queue of a port that has just been closed
            self.finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        cast(Any, super()).connectionLost(reason)
        CLOSED.log(service=self.door.service, address=self.address, connection=self.visit)
        self.door.gone(self)


@implementer(IHandshakeListener)
class Guest(Visitor, TakesTurns):
    """Somebody who speaks a mail protocol."""

    dismissed = False
    _cutting: IDelayedCall | None = None
    _shaking: IDelayedCall | None = None

    @property
    def visit(self) -> str:
        return self.turns.id

    @property
    def said_goodbye(self) -> bool:
        return self.turns.over

    def dismiss(self, why: str) -> None:
        """The login is over: goodbye, after what is under way if that ends at once; who does not go is cut
        off, but not while it is being decided whether a message is taken: that is answered."""
        if not self.dismissed:
            self.dismissed = True
            self.finish()
            self._cutting = self.callLater(PATIENCE_WITH_DISMISSED, self._cut_off)

    def _cut_off(self) -> None:
        if self.settling:
            self._cutting = self.callLater(PATIENCE_WITH_DISMISSED, self._cut_off)
        else:
            self.transport.abortConnection()

    def connectionMade(self) -> None:
        super().connectionMade()
        if in_handshake(self.transport):
            self.handshake_begins()

    def handshake_begins(self) -> None:
        self._shaking = self.callLater(PATIENCE_FOR_A_HANDSHAKE, self.transport.abortConnection)

    def handshakeCompleted(self) -> None:
        _no_longer(self._shaking)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        _no_longer(self._cutting)
        _no_longer(self._shaking)
        super().connectionLost(reason)


def _no_longer(timer: IDelayedCall | None) -> None:
    if timer is not None and timer.active():
        timer.cancel()


class Door(ServerFactory):
    """The factory of one service.  `make` gives a new server; `full` is what one connection too many hears.
    Networks that are `trusted` have no limit.  `clients` are those that are let in; None is all."""

    noisy = False

    def __init__(
        self,
        service: str,
        make: Callable[[], Visitor],
        connections: Connections,
        full: bytes,
        trusted: Networks,
        clock: Clock,
        clients: Networks | None = None,
    ) -> None:
        self.present: set[Visitor] = set()
        self.service = service
        self._make = make
        self._connections = connections
        self._full = full
        self._trusted = trusted
        self.clock = clock
        self._clients = clients
        self.closing = False
        self._empty: Deferred[None] = Deferred()
        self._seeing_off: IDelayedCall | None = None
        self._leaving: set[Refused] = set()
        self._refusals = Refusals(service, clock)

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol:
        address = plain(getattr(addr, "host", ""))
        if not self._lets_in(address):
            self._refusals.tell(NOT_ALLOWED, address)
            return Refused(NOT_HERE, self.clock, self._leaving)
        counted = not self._trusted.contains(address)
        if counted and not self._connections.enter(address):
            self._refusals.tell(TOO_MANY, address)
            return Refused(self._full, self.clock, self._leaving)
        guest = self._make()
        guest.door, guest.factory, guest.clock = self, self, self.clock
        guest.address, guest.service, guest.counted = address, self.service, counted
        return cast(TwistedProtocol, guest)

    def _lets_in(self, address: str) -> bool:
        """Who may open a Unix socket, which has no address, is said by the file system."""
        return self._clients is None or not address or self._clients.contains(address)

    def gone(self, guest: Visitor) -> None:
        self.present.discard(guest)
        if guest.counted:
            self._connections.leave(guest.address)
        self._look()

    async def finish(self, grace: float) -> None:
        """Everybody has gone: by himself, or after `grace` seconds by force.  Who has heard goodbye and does
        not go is not waited for."""
        self.closing = True
        for guest in list(self.present):
            guest.finish()
        late = self.clock.later(grace, self.abort)
        self._see_off(set())
        self._look()
        await self._empty
        for call in (late, self._seeing_off):
            if call is not None and call.active():
                call.cancel()

    def abort(self) -> None:
        """Whoever is still here is cut off."""
        for guest in list(self.present):
            guest.transport.abortConnection()

    def _see_off(self, leaving: set[Visitor]) -> None:
        for guest in leaving & self.present:
            guest.transport.abortConnection()
        gone = {guest for guest in self.present if guest.said_goodbye}
        self._seeing_off = self.clock.later(PATIENCE_WITH_LEAVING, self._see_off, gone)

    def _look(self) -> None:
        if self.closing and not self.present and not self._empty.called:
            self._empty.callback(None)


class Refused(TwistedProtocol):
    """Hears one line, or nothing, and is gone, also when it does not listen.  One of many, `leaving`, is cut
    off: with TLS nothing can be said before the handshake, and a flood must not hold what limits are there to
    save."""

    transport: Any

    def __init__(self, words: bytes, clock: Clock, leaving: "set[Refused]") -> None:
        self._words = words
        self._clock = clock
        self._leaving = leaving
        self._cut: IDelayedCall | None = None

    def connectionMade(self) -> None:
        if len(self._leaving) >= MOST_REFUSED or not self._words:
            self.transport.abortConnection()
            return
        self._leaving.add(self)
        self.transport.write(self._words + b"\r\n")
        self.transport.loseConnection()
        self._cut = self._clock.later(PATIENCE_FOR_A_REFUSAL, self.transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._leaving.discard(self)
        if self._cut is not None and self._cut.active():
            self._cut.cancel()
