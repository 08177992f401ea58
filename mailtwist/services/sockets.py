"""Connections that send at once what they are given, files too, and take what comes in big pieces."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.main import CONNECTION_LOST
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailtwist.kit.sockets import Direct, unbuffered
from mailtwist.protocols.proxy import Header, Place
from mailtwist.tls.hello import Hearing, NotAHello
from mailtwist.tls.listener import ALERT, Listener


def seen(place: Place) -> IAddress:
    """As Twisted has addresses; the client of a Unix socket has none."""
    if place.unix:
        return UNIXAddress(None)
    kind = IPv6Address if ":" in place.address else IPv4Address
    return kind("TCP", place.address, place.port)


@dataclass(slots=True)
class OfFile:
    """Octets that are still to be sent."""

    file: int
    start: int
    count: int
    sent: Callable[[int, bool], None]


class Prompt(Direct, tcp.Server):
    """Twisted's transport asks the reactor when it may write, and writes in the next turn: two calls to the
    kernel and a turn for an answer that nearly always can be sent now.  What the kernel does not take waits
    for the reactor as before."""

    front: Header | None = None
    """What a listed proxy has said of the client."""
    _file: OfFile | None = None

    def getPeer(self) -> Any:
        """The client, also behind a proxy."""
        said = None if self.front is None else self.front.source
        return super().getPeer() if said is None else seen(said)  # type: ignore[no-untyped-call]

    def getHost(self) -> Any:
        """Where the client connected to."""
        said = None if self.front is None else self.front.destination
        return super().getHost() if said is None else seen(said)  # type: ignore[no-untyped-call]

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        server = self.protocol
        super().startTLS(ctx, normal)
        if (begins := getattr(server, "handshake_begins", None)) is not None:
            begins()
        if isinstance(ctx, Listener) and ctx.policy.rejects:
            refusing(self.protocol, ctx)

    def startWriting(self) -> None:
        busy = self.dataBuffer or self._sending or self._file is not None
        if self._tempDataLen and not busy and self._sent():
            return
        super().startWriting()  # type: ignore[no-untyped-call]

    def send_file(self, file: int, start: int, count: int, sent: Callable[[int, bool], None]) -> None:
        """`count` octets of `file`, from `start` on, leave behind what was written until now and before what
        is written later, and the kernel takes them from the file itself.  `sent` hears how many have left,
        each time, and whether that is the end; the end comes early if the file has too few or cannot be read,
        and not at all if the connection is lost.  One at a time, not under TLS.  `file` stays open until the
        end, or `forget_file`."""
        if self._tempDataLen:  # what is written from now on is not to get in between
            self.dataBuffer = b"".join([memoryview(self.dataBuffer)[self.offset :], *self._tempDataBuffer])
            self._tempDataBuffer, self._tempDataLen, self.offset = [], 0, 0
        self._file = OfFile(file, start, count, sent)
        if self.dataBuffer or self._sent_of_file() is not None or self._file is not None:
            super().startWriting()  # type: ignore[no-untyped-call]

    def forget_file(self) -> None:
        """No further octet of it is sent.  If some were, the connection is of no use any more."""
        self._file = None

    def doWrite(self) -> Any:
        if self._file is None:
            return super().doWrite()  # type: ignore[no-untyped-call]
        if self.dataBuffer:
            sent = self.writeSomeData(memoryview(self.dataBuffer)[self.offset :])  # type: ignore[arg-type]
            if isinstance(sent, BaseException):
                return sent
            self.offset += sent
            if self.offset < len(self.dataBuffer):
                return None
            self.dataBuffer, self.offset = b"", 0
        return self._sent_of_file()

    def _sent_of_file(self) -> Any:
        """None, or why the connection is lost."""
        assert self._file is not None
        of_file = self._file
        try:
            sent = os.sendfile(self.fileno(), of_file.file, of_file.start, of_file.count)
        except BlockingIOError:
            return None
        except ConnectionError:
            return CONNECTION_LOST
        except OSError:
            sent = 0
        of_file.start += sent
        of_file.count -= sent
        over = not (sent and of_file.count)
        if over:
            self._file = None
            if not (self._tempDataLen or self.disconnecting):
                self.stopWriting()  # type: ignore[no-untyped-call]
        of_file.sent(sent, over)
        return None

    def connectionLost(self, reason: Failure) -> None:
        self._file = None
        super().connectionLost(reason)

    def _sent(self) -> bool:
        """All of it has gone.  An error is left for the reactor to find, which knows what to do then."""
        self._sending = True  # a pull producer asked for more by `doWrite` has its next turn later
        try:
            failed: object = self.doWrite()
            return failed is None and not (self.dataBuffer or self._tempDataLen)
        finally:
            self._sending = False


def refusing(tls: Any, listener: Listener) -> None:
    """A connection that was in clear until now: its hello is heard before OpenSSL hears it."""
    hearing = Hearing()

    def received(data: bytes) -> None:
        try:
            hello = hearing.received(data)
        except NotAHello:  # OpenSSL will say what it is
            pass
        else:
            if hello is None:
                return
            if listener.refuses(hello, getattr(tls.getPeer(), "host", "")):
                tls.dataReceived = lambda data: None
                tls.transport.write(ALERT)
                tls.transport.loseConnection()
                return
        del tls.dataReceived
        tls.dataReceived(bytes(hearing.octets))

    tls.dataReceived = received


class Tls(BufferingTLSTransport):
    """TLS from the beginning.  Our replies are gathered already and need not wait for more."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        unbuffered(self)


class TlsFactory(TLSMemoryBIOFactory):
    """Wraps a factory whose connections begin with TLS."""

    protocol = Tls
    noisy = False
