"""What every mail service does at its door: who may come in, who is here, and how everybody leaves."""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure

from mailtwist.config.network import Networks
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event, connection_id
from mailtwist.kit.ids import new_id
from mailtwist.services.limits import Connections
from mailtwist.services.listen import plain

OPENED = Event("connection.opened", "{service}: from {address}", "debug")
CLOSED = Event("connection.closed", "{service}: from {address}", "debug")
TOO_MANY = Event("connection.too_many", "{service}: {address} has too many connections", "warn")

PATIENCE_FOR_A_REFUSAL = 10.0


class Guest(TwistedProtocol):
    """Stands first in the class of a service's server: its door learns who comes and who goes."""

    door: "Door"
    address = ""
    counted = False
    transport: Any

    def makeConnection(self, transport: Any) -> None:
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        # What this connection starts, and nothing else, logs under its id.
        self._context = copy_context()
        self._context.run(self._come, transport)

    def _come(self, transport: Any) -> None:
        connection_id.set(new_id())
        self.door.came(self)
        cast(Any, super()).makeConnection(transport)
        if self.door.closing:  # it was in the queue of a port that has just been closed
            self.finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._context.run(self._go, reason)

    def _go(self, reason: Failure) -> None:
        self.door.gone(self)
        super().connectionLost(reason)

    def finish(self) -> None:
        """The peer hears goodbye, at once or when its command has been answered, and the connection ends."""
        raise NotImplementedError


class Door(ServerFactory):
    """The factory of one service.  `make` gives a new server; `full` is what one connection too many hears.
    Networks that are `trusted` have no limit."""

    noisy = False

    def __init__(
        self,
        service: str,
        make: Callable[[], Guest],
        connections: Connections,
        full: bytes,
        trusted: Networks,
        clock: Clock,
    ) -> None:
        self.present: set[Guest] = set()
        self._service = service
        self._make = make
        self._connections = connections
        self._full = full
        self._trusted = trusted
        self._clock = clock
        self.closing = False
        self._empty: Deferred[None] = Deferred()

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol:
        address = plain(getattr(addr, "host", ""))
        counted = not self._trusted.contains(address)
        if counted and not self._connections.enter(address):
            TOO_MANY.log(service=self._service, address=address)
            return Refused(self._full, self._clock)
        guest = self._make()
        guest.door, guest.factory, guest.address, guest.counted = self, self, address, counted
        return guest

    def came(self, guest: Guest) -> None:
        OPENED.log(service=self._service, address=guest.address)
        self.present.add(guest)

    def gone(self, guest: Guest) -> None:
        CLOSED.log(service=self._service, address=guest.address)
        self.present.discard(guest)
        if guest.counted:
            self._connections.leave(guest.address)
        self._look()

    async def finish(self, grace: float) -> None:
        """Everybody has gone: by himself, or after `grace` seconds by force."""
        self.closing = True
        for guest in list(self.present):
            guest.finish()
        late = self._clock.later(grace, self.abort)
        self._look()
        await self._empty
        if late.active():
            late.cancel()

    def abort(self) -> None:
        """Whoever is still here is cut off."""
        for guest in list(self.present):
            guest.transport.abortConnection()

    def _look(self) -> None:
        if self.closing and not self.present and not self._empty.called:
            self._empty.callback(None)


class Refused(TwistedProtocol):
    """Hears one line and is gone, also when it does not listen."""

    transport: Any

    def __init__(self, words: bytes, clock: Clock) -> None:
        self._words = words
        self._clock = clock

    def connectionMade(self) -> None:
        self.transport.write(self._words + b"\r\n")
        self.transport.loseConnection()
        self._cut = self._clock.later(PATIENCE_FOR_A_REFUSAL, self.transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._cut.active():
            self._cut.cancel()
