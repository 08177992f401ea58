"""A connection in memory: give it a server protocol, send octets, read what comes back."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITCPTransport, ITLSTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer


@implementer(ITCPTransport, ITLSTransport, IPushProducer)
class Wire:
    """The transport of `protocol`, and the peer's end of it.

    `tls` says that TLS is spoken from the first octet on.  `window` is how many octets the peer's side holds
    before it makes us wait (None: any number); `read()` takes them out."""

    def __init__(self, protocol: Protocol, *, address: str = "192.0.2.1", tls: bool = False) -> None:
        self.protocol = protocol
        self.window: int | None = None
        self.disconnecting = False
        self.disconnected = False
        self.aborted = False
        self.secured: list[Any] = []
        self.said_in_clear = b""
        self._address = address
        self._out = bytearray()
        self._producer: Any = None
        self._full = self._held = False
        self._waiting = bytearray()
        if tls:
            directlyProvides(self, ITCPTransport, ITLSTransport, ISSLTransport)
        protocol.makeConnection(self)

    # -- the peer's end
    def send(self, data: bytes) -> None:
        """Octets from the peer; while the server has paused reading they wait."""
        self._waiting += data
        self._deliver()

    def read(self) -> bytes:
        """All that was written since the last call."""
        data = bytes(self._out)
        self._out.clear()
        if self._full:
            self._full = False
            if self._producer is not None:
                self._producer.resumeProducing()
        return data

    def hang_up(self, reason: Exception | None = None) -> None:
        """The peer is gone."""
        if not self.disconnected:
            self.disconnected = True
            self.protocol.connectionLost(Failure(reason or ConnectionDone()))

    def _deliver(self) -> None:
        while self._waiting and not self._held and not self.disconnected and not self.disconnecting:
            piece = bytes(self._waiting[:65536])
            del self._waiting[:65536]
            self.protocol.dataReceived(piece)

    # -- the server's end
    def write(self, data: bytes) -> None:
        if self.disconnected or self.aborted:
            return
        self._out += data
        if self.window is not None and len(self._out) > self.window and not self._full:
            self._full = True
            if self._producer is not None:
                self._producer.pauseProducing()

    def writeSequence(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError("two producers")
        self._producer = producer
        if self._full:
            producer.pauseProducing()

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self._held = True

    def resumeProducing(self) -> None:
        if self.disconnecting or self.disconnected:
            raise RuntimeError("resumed after the end")
        self._held = False
        self._deliver()

    def stopProducing(self) -> None:
        self._held = True

    def startTLS(self, context: Any, normal: bool = True) -> None:
        self.secured.append(context)
        self.said_in_clear += bytes(self._out)
        self._waiting.clear()  # what was sent in clear cannot be read as TLS
        directlyProvides(self, ITCPTransport, ITLSTransport, ISSLTransport)

    def loseConnection(self) -> None:
        if self._producer is not None:
            raise RuntimeError("under TLS a connection with a producer never closes")
        self.disconnecting = True

    def loseWriteConnection(self) -> None: ...

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True
        self.hang_up(ConnectionLost())

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def getTcpKeepAlive(self) -> bool:
        return False

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", self._address, 40000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.25", 25)

    def getPeerCertificate(self) -> None:
        return None

    @property
    def negotiatedProtocol(self) -> None:
        return None
