"""The door before TLS while a client's first words matter: a proof for a CA, or a name that is refused."""

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
    IProtocol,
)
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.protocols.ends import leaving
from mailtwist.services.listen import plain
from mailtwist.services.sockets import TlsFactory
from mailtwist.tls.hello import Hearing, Hello, NotAHello
from mailtwist.tls.listener import ALERT, Listener

PROVEN = Event("tls.proof_shown", "{service}: {address} was shown the proof that {name} is ours")

PATIENCE_FOR_A_HELLO = 10.0
MOST_HEARD = 1_000
"""Connections whose hellos are waited for: whoever is slowest then is not heard before TLS begins, so that no
number of silent ones keeps an authority away."""

MOST_SHOWN = 100
"""Connections that look at a proof, which anybody can: of more the oldest is cut off."""

MOST_TOLD = 20
"""Of them the log tells in a minute."""


class HelloDoor(ServerFactory):
    """Stands before `inner`, whose connections begin with TLS as `listener` wants it.  It is open: nothing is
    between them unless the listener listens."""

    noisy = False

    def __init__(self, inner: TlsFactory, listener: Listener, clock: Clock) -> None:
        self.inner = inner
        self.listener = listener
        self.clock = clock
        self.waiting: dict[FirstWords, None] = {}
        """Who came first is first."""
        self.looking: dict[Silent, None] = {}
        self._minute = self._told = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if not self.listener.listens:
            return self.inner.buildProtocol(addr)
        return FirstWords(self, addr)

    def cut(self) -> None:
        """Nobody waits any more."""
        everybody: list[Any] = [*self.waiting, *self.looking]
        for one in everybody:
            one.transport.abortConnection()

    def tell(self, address: str, name: str) -> None:
        """Somebody sees a proof."""
        minute = int(self.clock.seconds() // 60)
        if minute != self._minute:
            self._minute, self._told = minute, 0
        self._told += 1
        if self._told <= MOST_TOLD:
            PROVEN.log(service=self.listener.service, address=address, name=name)


class FirstWords(TwistedProtocol):
    """A connection until its hello is whole, or can be none; nothing of this is left then."""

    transport: Any

    def __init__(self, door: HelloDoor, peer: IAddress | None) -> None:
        self._door = door
        self._peer = peer
        self._hearing = Hearing()
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        waiting = self._door.waiting
        if len(waiting) >= MOST_HEARD:
            next(iter(waiting)).unheard()
        waiting[self] = None
        self._late = self._door.clock.later(PATIENCE_FOR_A_HELLO, self.transport.abortConnection)

    def unheard(self) -> None:
        """OpenSSL takes it from here, whatever it is."""
        self._hand_over(self._door.inner.buildProtocol(self._peer))

    def dataReceived(self, data: bytes) -> None:
        try:
            hello = self._hearing.received(data)
        except NotAHello:
            self.unheard()
            return
        if hello is not None:
            self._heard(hello)

    def _heard(self, hello: Hello) -> None:
        address = plain(getattr(self._peer, "host", ""))
        listener = self._door.listener
        proof = listener.proof(hello)
        if proof is not None:
            name = (hello.name or b"").decode("ascii", "replace")
            self._door.tell(address, name)
            self._hand_over(_showing(proof, self._door))
        elif listener.refuses(hello, address):
            self._left()
            self.transport.write(ALERT)
            self.transport.loseConnection()
        else:
            self.unheard()

    def _hand_over(self, inner: IProtocol | None) -> None:
        self._left()
        transport = self.transport
        if inner is None:
            transport.abortConnection()
            return
        transport.protocol = inner
        inner.makeConnection(transport)
        if self._hearing.octets and not leaving(transport):
            transport.protocol.dataReceived(bytes(self._hearing.octets))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._left()

    def _left(self) -> None:
        self._door.waiting.pop(self, None)
        if self._late is not None and self._late.active():
            self._late.cancel()


@implementer(IOpenSSLServerConnectionCreator)
class _Proof:
    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)


@implementer(IHandshakeListener)
class Silent(TwistedProtocol):
    """The handshake is all there is.  rfc8737#3"""

    transport: Any

    def __init__(self, door: HelloDoor) -> None:
        self._door = door
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        looking = self._door.looking
        if len(looking) >= MOST_SHOWN:
            oldest = next(iter(looking))
            del looking[oldest]
            oldest.transport.abortConnection()
        looking[self] = None
        self._late = self._door.clock.later(PATIENCE_FOR_A_HELLO, self.transport.abortConnection)

    def handshakeCompleted(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._door.looking.pop(self, None)
        if self._late is not None and self._late.active():
            self._late.cancel()


def _showing(proof: SSL.Context, door: HelloDoor) -> IProtocol | None:
    factory = ServerFactory()
    factory.protocol = lambda: Silent(door)
    factory.noisy = False
    made: IProtocol | None = TLSMemoryBIOFactory(_Proof(proof), False, factory).buildProtocol(None)
    return made
