"""What the engine stands between: transport below, server above, output to the peer.  rfc5321"""

from collections.abc import Callable
from typing import Any, Protocol, cast

from mailtwist.kit.clock import Clock
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.patience import Timer
from mailtwist.protocols.received import LIMIT


class Transport(Protocol):
    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def startTLS(self, context: object) -> None: ...


class SendsFiles(Protocol):
    """What a transport may have besides."""

    def send_file(self, file: int, start: int, count: int, sent: Callable[[int, bool], None]) -> None:
        """These octets of an open file leave in order with all that is written; `sent` hears how many have
        left, each time, and whether that was the end, which comes early where the file ends early."""

    def forget_file(self) -> None:
        """No further octet of it is sent, and it may be closed."""


class Speaker(Protocol):
    """Who has the turns: what the engine asks of a server.  `TakesTurns` is one."""

    clock: Clock

    def callLater(self, period: float, func: Callable[..., object], *args: object) -> Timer: ...

    def timeoutConnection(self) -> None:
        """Last words to a peer that is too slow; the connection ends."""

    def refuse(self, error: Malformed) -> bool | None:
        """Last words to a peer that cannot be understood.  True: go on, if `error` is not `Unframed`."""

    def crashed(self) -> None:
        """Last words when a turn failed: 4.3.0 in the protocol's way."""

    def farewell(self) -> None:
        """Last words when the service ends."""


MUCH = 16 * 1024
"""Octets that a transport may get before it can tell us that it is full."""


class Output:
    """What goes to the peer.  It is the transport's push producer while `register`ed: then it knows when the
    transport is `full`, and calls `resumed` when it no longer is.

    A transport that says that nothing of ours is `unsent` learns of its producer when it is given much: most
    answers are short, and gone before the turn is over.  What it took without a producer it may still have:
    that is `unwatched`.  `taken` hears how many octets of a file left."""

    def __init__(
        self, transport: Transport, resumed: Callable[[], None], taken: Callable[[int], None]
    ) -> None:
        self.full = False
        self.size = self.missing = self.unwatched = 0
        self._to = transport
        self._resumed = resumed
        self._taken = taken
        self._pieces: list[bytes] = []
        self._wanted = self._registered = False

    def write(self, data: bytes) -> None:
        """Out with the rest at the next `flush`; there is never more than `LIMIT`."""
        self._pieces.append(data)
        self.size += len(data)
        if self.size >= LIMIT:
            self.flush()

    def flush(self) -> None:
        if self._pieces:
            data = b"".join(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
            self.drop()
            unsent = self._unsent()
            if self._wanted and (len(data) > MUCH or unsent):
                self._register()
            if self._registered or not unsent:
                self.unwatched = 0
            if not self._registered:
                self.unwatched += len(data)
            self._to.write(data)

    def drop(self) -> None:
        self._pieces.clear()
        self.size = 0

    @property
    def takes_files(self) -> bool:
        """The class is asked: a transport that is wrapped around another one, for TLS, say, hands on whatever
        it does not know, and a file would pass it by."""
        return hasattr(type(self._to), "send_file") and not getattr(self._to, "TLS", False)

    def send_file(self, file: int, start: int, count: int) -> None:
        """Behind what was written; `full` until they have left, or until the file is found to be too short:
        then some are `missing`."""
        self.flush()
        self.full, self.missing = True, count
        cast(SendsFiles, self._to).send_file(file, start, count, self._sent)

    def forget_file(self) -> None:
        cast(SendsFiles, self._to).forget_file()

    def _sent(self, octets: int, over: bool) -> None:
        self.missing -= octets
        self._taken(octets)
        if over:
            self.resumeProducing()

    def register(self) -> None:
        if not (self._wanted or self._registered):
            self._wanted = True
            if self._unsent():
                self._register()

    def _register(self) -> None:
        self._wanted, self._registered = False, True
        self._to.registerProducer(self, True)

    def _unsent(self) -> bool:
        """The class is asked, for the same reason: what waits in TLS the transport below it does not know."""
        return not hasattr(type(self._to), "unsent") or bool(cast(Any, self._to).unsent)

    def unregister(self) -> None:
        self._wanted = False
        if self._registered:
            self._registered = False
            self._to.unregisterProducer()

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        self.full = False
        self._resumed()

    def stopProducing(self) -> None:
        """The transport has gone."""
        self.full = self._wanted = self._registered = False


def leaving(transport: Any) -> bool:
    """Somebody has called `loseConnection`."""
    inner = (
        transport.protocol if getattr(transport, "TLS", False) else transport
    )  # tcp.Connection after startTLS
    return bool(getattr(inner, "disconnecting", False))
