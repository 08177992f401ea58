"""Connections that send at once what they are given, and take what comes in big pieces."""

from types import MethodType
from typing import Any

from OpenSSL.SSL import Error, WantReadError
from twisted.internet.main import CONNECTION_LOST
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from mailtwist.services.sending import Direct

RECORD, SEALED = 16 * 1024, 64 * 1024


class Prompt(Direct):
    """Twisted's transport asks the reactor when it may write, and writes in the next turn: two calls to the
    kernel and a turn for an answer that nearly always can be sent now.  What the kernel does not take waits
    for the reactor as before."""

    READ_LIMIT = 128 * 1024

    def doRead(self) -> Any:
        try:
            octets = self.socket.recv(self.READ_LIMIT)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        return self._dataReceived(octets)

    def startWriting(self) -> None:
        if self._tempDataLen and not (self.dataBuffer or self._sending) and self._sent():
            return
        super().startWriting()  # type: ignore[no-untyped-call]

    def _sent(self) -> bool:
        """All of it has gone.  An error is left for the reactor to find, which knows what to do then."""
        self._sending = True  # a pull producer asked for more by `doWrite` has its next turn later
        try:
            failed: object = self.doWrite()  # type: ignore[no-untyped-call]
            return failed is None and not (self.dataBuffer or self._tempDataLen)
        finally:
            self._sending = False

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        super().startTLS(ctx, normal)  # type: ignore[no-untyped-call]
        _unbuffered(self.protocol)


class Tls(BufferingTLSTransport):
    """TLS from the beginning.  Our replies are gathered already and need not wait for more."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        _unbuffered(self)


def _unbuffered(tls: Any) -> None:
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


class TlsFactory(TLSMemoryBIOFactory):
    """Wraps a factory whose connections begin with TLS."""

    protocol = Tls
    noisy = False
