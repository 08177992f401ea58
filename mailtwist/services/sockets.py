"""Connections that send at once what they are given, and take what comes in big pieces."""

from types import MethodType
from typing import Any

from twisted.internet import tcp
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol


class Prompt(tcp.Server):
    """Twisted's transport asks the reactor when it may write, and writes in the next turn: two calls to the
    kernel and a turn for an answer that nearly always can be sent now.  What the kernel does not take waits
    for the reactor as before."""

    _sending = False

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
    tls.write = MethodType(TLSMemoryBIOProtocol.write, tls)


class TlsFactory(TLSMemoryBIOFactory):
    """Wraps a factory whose connections begin with TLS."""

    protocol = Tls
    noisy = False
