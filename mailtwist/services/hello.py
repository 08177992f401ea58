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
"""Connections whose hellos are waited for; more are not heard before TLS begins."""


class HelloDoor(ServerFactory):
    """Stands before `inner`, whose connections begin with TLS as `listener` wants it.  It is open: nothing is
    between them unless the listener listens."""

    noisy = False

    def __init__(self, inner: TlsFactory, listener: Listener, clock: Clock) -> None:
        self.inner = inner
        self.listener = listener
        self.clock = clock
        self.waiting: set[FirstWords] = set()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if not self.listener.listens or len(self.waiting) >= MOST_HEARD:
            return self.inner.buildProtocol(addr)
        return FirstWords(self, addr)

    def cut(self) -> None:
        """Nobody waits any more."""
        for one in list(self.waiting):
            one.transport.abortConnection()


class FirstWords(TwistedProtocol):
    """A connection until its hello is whole, or can be none; nothing of this is left then."""

    transport: Any

    def __init__(self, door: HelloDoor, peer: IAddress | None) -> None:
        self._door = door
        self._peer = peer
        self._hearing = Hearing()
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._door.waiting.add(self)
        self._late = self._door.clock.later(PATIENCE_FOR_A_HELLO, self.transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        try:
            hello = self._hearing.received(data)
        except NotAHello:
            self._hand_over(self._door.inner.buildProtocol(self._peer))
            return
        if hello is not None:
            self._heard(hello)

    def _heard(self, hello: Hello) -> None:
        address = plain(getattr(self._peer, "host", ""))
        listener = self._door.listener
        proof = listener.proof(hello)
        if proof is not None:
            name = (hello.name or b"").decode("ascii", "replace")
            PROVEN.log(service=listener.service, address=address, name=name)
            self._hand_over(_showing(proof, self._door.clock))
        elif listener.refuses(hello, address):
            self._left()
            self.transport.write(ALERT)
            self.transport.loseConnection()
        else:
            self._hand_over(self._door.inner.buildProtocol(self._peer))

    def _hand_over(self, inner: IProtocol | None) -> None:
        self._left()
        transport = self.transport
        if inner is None:
            transport.abortConnection()
            return
        transport.protocol = inner
        inner.makeConnection(transport)
        if not leaving(transport):
            transport.protocol.dataReceived(bytes(self._hearing.octets))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._left()

    def _left(self) -> None:
        self._door.waiting.discard(self)
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

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._late = self._clock.later(PATIENCE_FOR_A_HELLO, self.transport.abortConnection)

    def handshakeCompleted(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()


def _showing(proof: SSL.Context, clock: Clock) -> IProtocol | None:
    factory = ServerFactory()
    factory.protocol = lambda: Silent(clock)
    factory.noisy = False
    made: IProtocol | None = TLSMemoryBIOFactory(_Proof(proof), False, factory).buildProtocol(None)
    return made
