"""The door for listed proxies: each connection begins with a PROXY header, and only then with its client."""

from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure

from mailtwist.config.network import Networks
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.protocols.ends import leaving
from mailtwist.protocols.proxy import Header, NotAHeader, Place, read
from mailtwist.services.limits import Refusals
from mailtwist.services.listen import plain
from mailtwist.services.sockets import seen

NOT_LISTED = Event(
    "proxy.not_listed",
    "{service}: {address} is not in proxy_protocol and may not connect, {count} were refused",
    "warn",
)
NOT_A_HEADER = Event(
    "proxy.not_a_header", "{service}: from {address}: {reason}; {count} were refused", "warn"
)
CAME = Event("proxy.came", "{service}: {proxy} brings {address} port {port} to {server}, {unique}", "debug")

PATIENCE_FOR_A_HEADER = 5.0
"""Seconds.  At least three, in which a lost packet has been sent again."""


class ProxyDoor(ServerFactory):
    """Stands before `factory`, which gets each client's own address.  Who comes through a Unix socket, where
    the file system says who may, is a proxy too.  `believed`: what a proxy says of TLS counts.  `most` is how
    many may wait to be introduced."""

    noisy = False

    def __init__(
        self,
        service: str,
        factory: IProtocolFactory,
        proxies: Networks,
        clock: Clock,
        *,
        believed: bool = False,
        most: int = 10_000,
    ) -> None:
        self.factory = factory
        self.clock = clock
        self.believed = believed
        self.waiting: set[Introduced] = set()
        self.service = service
        self._proxies = proxies
        self._most = most
        self._refusals = Refusals(service, clock)

    def buildProtocol(self, addr: IAddress | None) -> "Introduced | None":
        address = plain(getattr(addr, "host", ""))
        if address and not self._proxies.contains(address):
            self._refusals.tell(NOT_LISTED, address)
            return None
        if len(self.waiting) >= self._most:
            self.refuse(address, "too many connections wait for their headers")
            return None
        return Introduced(self, addr, address)

    def refuse(self, address: str, reason: str) -> None:
        self._refusals.tell(NOT_A_HEADER, address, reason=reason)

    def cut(self) -> None:
        """Nobody waits any more."""
        for one in list(self.waiting):
            one.transport.abortConnection()


class Introduced(TwistedProtocol):
    """A connection until its header is whole; nothing of this is left then."""

    transport: Any

    def __init__(self, door: ProxyDoor, proxy: IAddress | None, address: str) -> None:
        self._door = door
        self._proxy = proxy
        self._address = address
        self._octets = b""
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._door.waiting.add(self)
        self._late = self._door.clock.later(PATIENCE_FOR_A_HEADER, self._refused, "no PROXY header in time")

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        try:
            found = read(self._octets)
        except NotAHeader as error:
            self._refused(str(error))
            return
        if found is not None:
            header, length = found
            self._hand_over(header, self._octets[length:])

    def _hand_over(self, header: Header, rest: bytes) -> None:
        self._left()
        transport, proxy = self.transport, self._proxy
        if header.source is not None and header.destination is not None:
            believed = header.tls if self._door.believed else None
            transport.front = replace(header, tls=believed, extras=(), alpn=b"", unique=b"")
            self._tell(header.source, header.destination, header.unique)
            proxy = seen(header.source)
        inner: IProtocol | None = self._door.factory.buildProtocol(proxy)  # type: ignore[arg-type]
        if inner is None:
            transport.abortConnection()
            return
        transport.protocol = inner
        inner.makeConnection(transport)
        if rest and not leaving(transport):
            transport.protocol.dataReceived(rest)

    def _tell(self, source: Place, destination: Place, unique: bytes) -> None:
        CAME.log(
            service=self._door.service,
            proxy=self._address or "a Unix socket",
            address=source.address,
            port=source.port,
            server=f"{destination.address} port {destination.port}",
            unique=unique.hex() or "without an id",
        )

    def _refused(self, reason: str) -> None:
        self._door.refuse(self._address, reason)
        self._left()
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._left()

    def _left(self) -> None:
        self._door.waiting.discard(self)
        if self._late is not None and self._late.active():
            self._late.cancel()
