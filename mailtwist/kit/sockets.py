"""Sockets that are written to at once and read in big pieces: most answers are short, and mail is long."""

from types import MethodType
from typing import Any

from OpenSSL.SSL import Error, WantReadError
from twisted.internet import tcp
from twisted.internet.main import CONNECTION_LOST
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

RECORD, SEALED = 16 * 1024, 64 * 1024


class Direct(tcp.Connection):
    """Stands before Twisted's server or client.  What the kernel does not take at once waits for the reactor,
    as with Twisted's own."""

    READ_LIMIT = 128 * 1024
    SEND_LIMIT = 512 * 1024
    _sending = False
    _file: object | None = None

    @property
    def unsent(self) -> bool:
        """Something that was written may still be here."""
        return bool(self.TLS or self.dataBuffer or self._tempDataLen or self._file is not None)

    def write(self, data: bytes) -> None:
        """When nothing waits to be written before it, or to happen once that has gone, it can go at once; if
        all of it does, nothing of what Twisted does besides is needed."""
        sent = 0
        if (
            self.connected
            and not (self.unsent or self._sending or self.disconnecting or self._writeDisconnecting)
            and (self.producer is None or (self.streamingProducer and not self.producerPaused))
        ):
            try:
                sent = self.socket.send(data if len(data) <= self.SEND_LIMIT else data[: self.SEND_LIMIT])
            except OSError:  # no room, or the connection is broken: Twisted will find out which
                sent = 0
        if sent < len(data):
            super().write(data[sent:])  # type: ignore[no-untyped-call]

    def doRead(self) -> Any:
        try:
            octets = self.socket.recv(self.READ_LIMIT)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        return self._dataReceived(octets)

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        super().startTLS(ctx, normal)  # type: ignore[no-untyped-call]
        unbuffered(self.protocol)


class Caller(Direct, tcp.Client):
    """The side that connects."""


class Connector(tcp.Connector):
    """Twisted's, for such a side; `host` is an address."""

    def _makeTransport(self) -> Caller:
        make: Any = Caller
        caller: Caller = make(self.host, self.port, self.bindAddress, self, self.reactor)
        return caller


def unbuffered(tls: Any) -> None:
    """Nothing waits for more.  OpenSSL seals 16 KiB at a time; Twisted gives each of them to the transport by
    itself, we give `SEALED` together."""
    tls.write = MethodType(TLSMemoryBIOProtocol.write, tls)
    tls._write = MethodType(_write, tls)


def _write(tls: Any, octets: bytes) -> None:
    """Twisted's, but for when it flushes; what OpenSSL does not take yet waits with `_bufferedWrite`."""
    at = 0
    while at < len(octets) and not tls._lostTLSConnection:
        try:
            at += tls._tlsConnection.send(octets[at : at + RECORD])
        except WantReadError:
            tls._bufferedWrite(octets[at:])
            break
        except Error:
            tls._tlsShutdownFinished(Failure())
            return
        if at % SEALED == 0:
            _flush(tls)
    _flush(tls)


def _flush(tls: Any) -> None:
    try:
        sealed = tls._tlsConnection.bio_read(2 * SEALED)
    except WantReadError:
        return
    tls.transport.write(sealed)
