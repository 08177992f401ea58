"""A TLS client for tests that asks for any name and any ALPN, and says what it was shown."""

from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from tests import loopback


@implementer(IOpenSSLClientConnectionCreator)
class Asking:
    """`name` None: no SNI at all."""

    def __init__(self, name: bytes | None, alpn: list[bytes] | None = None, sigalgs: str = "") -> None:
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if alpn:
            self.context.set_alpn_protos(alpn)
        self.name = name

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        if self.name is not None:
            connection.set_tlsext_host_name(self.name)
        connection.set_connect_state()
        return connection


@implementer(IHandshakeListener)
class Client(Protocol):
    def __init__(self) -> None:
        self.shaken: Deferred[Any] = Deferred()
        self.heard = b""
        self.gone: Deferred[None] = Deferred()
        self._waits: list[tuple[bytes, Deferred[bytes]]] = []

    def handshakeCompleted(self) -> None:
        certificate = self.transport.getPeerCertificate()
        self.shaken.callback(certificate.get_subject().CN)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._look()

    def until(self, what: bytes) -> Deferred[bytes]:
        """All that came since the last call, once `what` is in it."""
        waiting: Deferred[bytes] = Deferred()
        self._waits.append((what, waiting))
        self._look()
        return waiting.addTimeout(20, reactor)

    def _look(self) -> None:
        for what, waiting in list(self._waits):
            if what in self.heard:
                self._waits.remove((what, waiting))
                heard, self.heard = self.heard, b""
                waiting.callback(heard)

    def connectionLost(self, reason: Any) -> None:
        if not self.shaken.called:
            self.shaken.errback(reason)
            self.shaken.addErrback(lambda _: None)  # perhaps nobody asked
        self.gone.callback(None)


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


def listening(case: Any, contexts: Any, protocol: type[Protocol] = Echo) -> int:
    """The port of a TLS server on loopback, closed after the test."""
    return loopback.listening(case, protocol, contexts)


async def connected(port: int, asking: Asking) -> Client:
    """A client whose handshake may still be under way."""
    factory = ServerFactory.forProtocol(Client)
    factory.noisy = False
    client = TLSMemoryBIOFactory(asking, True, factory).buildProtocol(None)
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), client)
    return client.wrappedProtocol
