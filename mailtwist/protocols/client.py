"""A connection we made: one coroutine reads what the other side says, and no wait is endless.  rfc3207"""

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.ends import MUCH
from mailtwist.protocols.patience import Patience

LIMIT = 64 * 1024
"""Octets that nobody has asked for yet and that are held before reading pauses."""

PARTING = 30.0
"""Seconds that the other side has to take what was written before `close`."""


class NotAnswered(Trouble):
    """The other side is silent, gone, or says what cannot be an answer.  `why` has no name in it."""

    def __init__(self, where: str, why: str, status: str = "4.4.2") -> None:
        super().__init__(status, "The server behind does not answer", f"{where}: {why}")
        self.why = why


class Receiver(Protocol):
    """Who takes a call over.  `lost` comes once, and not after `close` or `abort`."""

    def received(self, data: bytes) -> None: ...

    def lost(self) -> None: ...


class Securing(Protocol):
    """What `start_tls` needs: a client's context for Twisted, which says what it thinks of the other side
    once the handshake is over."""

    def clientConnectionForTLS(self, protocol: Any) -> Any: ...

    def judge(self, connection: Any) -> None:
        """`Trouble` when the certificate is not accepted."""

    def explain(self, reason: Failure) -> str:
        """Why TLS has ended with `reason`."""


@implementer(IHandshakeListener)
class Call(TwistedProtocol):
    """One coroutine at a time reads or waits for room.  Whoever stops waiting, and whoever gets a
    `NotAnswered`, closes or aborts the call: what comes next could be an answer to anything.

    `patience` is how many seconds an answer may take, from its first octet to its last; `until` is the moment
    of `clock.seconds()` after which nothing is waited for (a whole login has to be over by then).  `where` is
    its name in the log; `made` is called when there is a connection, `ended` when it has gone."""

    transport: Any

    def __init__(self, where: str = "", clock: Clock | None = None, patience: float = 30.0) -> None:
        self.where = where
        self.clock = clock or process_clock()
        self.patience = patience
        self.until = inf
        self.over = False
        self.encrypted = False
        self.made: Callable[[], None] | None = None
        self.ended: Callable[[], None] | None = None
        self._in = bytearray()
        self._searched = self._unwatched = 0
        self._wanted = LIMIT
        self._to: Receiver | None = None
        self._waits: Deferred[None] | None = None
        self._watch: Patience | None = None
        self._parting: IDelayedCall | None = None
        self._securing: Securing | None = None
        self._why, self._status = "the connection is closed", "4.4.2"
        self._held = self._full = self._produces = self._lost = False

    # -- what the other side says
    async def line(self, limit: int = 8192) -> bytes:
        """The next line, without CRLF; a server that ends its lines with LF alone is understood.
        `NotAnswered` when it does not come, or is longer than `limit`, which is less than `LIMIT`."""
        until = self._end()
        while (line := self._line(limit)) is None:
            await self._more(until)
        return line

    async def octets(self, count: int) -> bytes:
        """The next `count` octets, all of which are held: whoever asks has set a bound."""
        until = self._end()
        self._wanted = max(LIMIT, count)
        try:
            while len(self._in) < count:
                self._let_go()
                await self._more(until)
        finally:
            self._wanted = LIMIT
        return self._take(count)

    @property
    def unread(self) -> int:
        """Octets that have come and were not asked for."""
        return len(self._in)

    # -- what we say
    def write(self, data: bytes) -> None:
        """At once, as far as the other side takes it; see `drained`."""
        if self.over:
            return
        self._unwatched += len(data)
        if self._unwatched > MUCH and not self._produces:
            self._produces = True  # from here on the transport tells when it is full
            self.transport.registerProducer(_Room(self), True)
        self.transport.write(data)

    async def drained(self) -> None:
        """There is room for more, or the other side has said something that ought to be read before.
        `NotAnswered` when it does not take what was written."""
        until = self._end()
        while self._full and not self._in:
            await self._more(until)

    # -- TLS
    async def start_tls(self, context: Securing) -> None:
        """TLS from here on: the handshake is over, and the certificate accepted.  Octets that were received
        in clear cannot be part of it (rfc3207#4.2): whoever sent them behind the answer to STARTTLS would
        choose what the server seems to offer.  `Trouble` with the reason; the call is over then."""
        if self._in:
            raise self._failed("octets in clear behind the answer to STARTTLS", "4.7.0")
        if self.over:
            raise self._gone()
        self._securing = context
        self.transport.startTLS(context)
        until = self._end()
        while not self.encrypted:
            await self._more(until)
        try:
            context.judge(self.transport.getHandle())
        except BaseException:
            self.abort()
            raise

    def handshakeCompleted(self) -> None:
        """Twisted's: TLS is there, and we have not looked at the certificate."""
        self.encrypted = True
        self._wake()

    # -- to another one
    def hand_over(self, to: Receiver) -> bytes:
        """From now on what comes is `to`'s, and so is `transport` for a producer of its own.  Returns what
        has come and was not read.  If the connection has gone meanwhile, `to.lost()` comes next."""
        assert self._waits is None, "somebody reads"
        unread = self._take(len(self._in))
        self._unregister()
        self._rest()
        self._securing, self._to = None, to
        if self.over:
            self.clock.later(0, to.lost)
        self._let_go()
        return unread

    def pause(self) -> None:
        """Nothing is read."""
        if not self.over:
            self.transport.pauseProducing()

    def resume(self) -> None:
        if not self.over:
            self.transport.resumeProducing()

    # -- the end
    def close(self) -> None:
        """What was written goes out first, if the other side takes it within `PARTING` seconds."""
        if not self.over:
            self._finish()
            self.transport.loseConnection()
            self._parting = self.clock.later(PARTING, self._cut)

    def abort(self) -> None:
        """At once, also after `close`."""
        self._finish()
        self._cut()

    # -- Twisted's
    def connectionMade(self) -> None:
        if hasattr(self.transport, "setTcpNoDelay"):  # a UNIX socket has none
            self.transport.setTcpNoDelay(True)
        made, self.made = self.made, None
        if made is not None:
            made()

    def dataReceived(self, data: bytes) -> None:
        if self.over:
            return
        if self._to is not None:
            self._to.received(data)
            return
        self._in += data
        self._wake()
        if len(self._in) >= self._wanted and not (self._held or self.over or self._to):
            self._held = True
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._parting is not None and self._parting.active():
            self._parting.cancel()
        self._parting = None
        was_over, self.over, self._lost = self.over, True, True
        securing, self._securing = self._securing, None
        tls = securing is not None and (not self.encrypted or reason.check(SSL.Error))
        if not was_over:
            self._why = securing.explain(reason) if securing is not None and tls else _words(reason)
            self._status = "4.7.5" if tls else "4.4.2"
        waits, to = self._waits, self._to
        self._rest()
        if waits is not None and not waits.called:
            waits.errback(self._gone())
        if to is not None and not was_over:
            self._to = None
            to.lost()
        ended, self.ended = self.ended, None
        if ended is not None:
            ended()

    # -- inside
    def _line(self, limit: int) -> bytes | None:
        end = self._in.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._in)
        if end > limit + 1 or (end < 0 and self._searched > limit + 1):
            raise self._failed(f"a line of more than {limit} octets", "4.5.0")
        if end < 0:
            return None
        line = self._take(end + 1)
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def _take(self, count: int) -> bytes:
        with memoryview(self._in) as view:
            taken = bytes(view[:count])
        del self._in[:count]
        self._searched = 0
        self._let_go()
        return taken

    def _let_go(self) -> None:
        if self._held and len(self._in) < self._wanted:
            self._held = False
            self.resume()

    def _end(self) -> float:
        return min(self.clock.seconds() + self.patience, self.until)

    async def _more(self, until: float) -> None:
        """Something has happened.  `NotAnswered` when nothing has by `until`."""
        if self.over:
            raise self._gone()
        assert self._waits is None, "two readers"
        if self._watch is None:
            self._watch = Patience(self.clock.later, self._too_slow, self.clock.seconds)
        waits: Deferred[None] = Deferred()
        self._waits = waits
        self._watch.watch(max(0, until - self.clock.seconds()))
        try:
            await waits
        finally:
            self._waits = None
            if self._watch is not None:
                self._watch.rest()

    def _wake(self) -> None:
        if (waits := self._waits) is not None and not waits.called:
            waits.callback(None)

    def _too_slow(self) -> None:
        waits = self._waits
        trouble = self._failed("does not take what is sent to it" if self._full else "no answer in time")
        if waits is not None and not waits.called:
            waits.errback(trouble)

    def _failed(self, why: str, status: str = "4.4.2") -> NotAnswered:
        """The reason, after the connection was cut."""
        self._why, self._status = why, status
        waits, self._waits = self._waits, None
        self.abort()
        self._waits = waits
        return NotAnswered(self.where, why, status)

    def _gone(self) -> NotAnswered:
        return NotAnswered(self.where, self._why, self._status)

    def _finish(self) -> None:
        """Nobody is told anything any more, but for whoever waits."""
        if self.over:
            return
        self.over = True
        self._unregister()
        self._rest()
        self._to = None
        if (waits := self._waits) is not None and not waits.called:
            waits.errback(self._gone())

    def _cut(self) -> None:
        if not self._lost and self.transport is not None:
            self.transport.abortConnection()

    def _unregister(self) -> None:
        """Under TLS nothing closes while a producer is registered."""
        if self._produces:
            self._produces = self._full = False
            self.transport.unregisterProducer()

    def _rest(self) -> None:
        if self._watch is not None:
            self._watch.end()
            self._watch = None


def _words(reason: Failure) -> str:
    if reason.check(ConnectionDone):
        return "the server has hung up"
    return "the connection was lost" if reason.check(ConnectionLost) else reason.getErrorMessage()


class _Room:
    """The transport's producer, which knows when it is full."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def pauseProducing(self) -> None:
        self._call._full = True

    def resumeProducing(self) -> None:
        self._call._full = False
        self._call._wake()

    def stopProducing(self) -> None:
        """The transport has gone, and says so elsewhere."""
