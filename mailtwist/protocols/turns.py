"""One connection's turns: bounded input, one coroutine that reads it, output that waits.  rfc2920 rfc3207"""

import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.protocols.errors import Closed, Malformed

LIMIT = 64 * 1024
AT_A_STRETCH = 100
_DOT = re.compile(rb"\r\n\.")


class Transport(Protocol):
    disconnecting: bool

    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def startTLS(self, context: object) -> None: ...


@implementer(IPushProducer)
class Turns:
    """A collaborator: it is no Protocol and knows no mail."""

    log = Logger()

    def __init__(
        self,
        transport: Transport,
        later: Callable[..., IDelayedCall],
        expired: Callable[[], None],
        refuse: Callable[[Malformed], None],
    ) -> None:
        self.idle: float | None = 60
        self.progress: float = 60
        self._to = transport
        self._later = later
        self._expired = expired
        self._refuse = refuse
        self._data = bytearray()
        self._input: Deferred[None] | None = None
        self._output: Deferred[None] | None = None
        self._full = self._held = self.over = self._registered = False
        self._life: Deferred[None] | None = None
        self._also: list[Deferred[Any]] = []

    # -- from the transport
    def received(self, data: bytes) -> None:
        if self.over:
            return
        self._data += data
        if len(self._data) >= LIMIT and not self._held:
            self._held = True
            self._to.pauseProducing()
        if (waiting := self._input) is not None:
            self._input = None
            waiting.callback(None)

    def lost(self) -> None:
        self.over = True
        if self._life is not None:
            self._life.cancel()

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        if (waiting := self._output) is not None:
            self._output = None
            waiting.callback(None)

    def stopProducing(self) -> None:
        self._full = False

    # -- the life of a connection
    def begin(self, turn: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        self._life = Deferred.fromCoroutine(self._live(turn))
        self._life.addErrback(self._ended)

    async def _live(self, turn: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        stretch = 0
        while not self.over:
            try:
                await turn(await self.line(patience=self.idle))
                while self._also:  # what a subclass began with super().do_X() is of this turn
                    await self._also.pop(0)
                self._register()
                await self.drained()
            except Malformed as error:
                if not self.over:
                    self._refuse(error)
                    self.close()
            finally:
                self._unregister()
            stretch += 1
            if stretch % AT_A_STRETCH == 0:
                await self.pause(0)

    def _ended(self, failure: Failure) -> None:
        if not failure.check(CancelledError, Closed):
            self.log.failure("a turn failed", failure=failure)
        if not self.over:
            self.close()

    def also(self, work: Coroutine[Any, Any, Any]) -> None:
        self._also.append(Deferred.fromCoroutine(work))

    def close(self) -> None:
        self.over = True
        self._unregister()  # TLS never closes while a producer is registered
        self._to.loseConnection()

    def ours(self) -> None:
        """A value command begins: from here the transport tells us when it is full."""
        self._register()

    def _register(self) -> None:
        if not self.over and not self._registered:
            self._registered = True
            self._to.registerProducer(self, True)

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            self._to.unregisterProducer()

    # -- for a turn
    async def line(self, limit: int = 4096, patience: float | None = None) -> bytes:
        wait = patience if not self._data else self.progress
        while (end := self._data.find(b"\r\n")) < 0 and len(self._data) <= limit + 1:
            await self._more(wait)
            wait = self.progress
        if end < 0 or end > limit:
            raise Malformed("line too long")
        line = self._take(end + 2)[:-2]
        if b"\r" in line or b"\n" in line:
            raise Malformed("bare CR or LF")
        return line

    async def literal(self, count: int) -> AsyncIterator[bytes]:
        while count:
            if not self._data:
                await self._more(self.progress)
            chunk = self._take(min(count, len(self._data)))
            count -= len(chunk)
            yield chunk

    async def block(self) -> AsyncIterator[bytes]:
        """Lines up to a dot on its own, dots undone, many at a time."""
        while True:
            if self._data.startswith(b".\r\n"):
                self._take(3)
                return
            end = self._data.find(b"\r\n.\r\n")
            end = end if end >= 0 else self._data.rfind(b"\r\n")
            if end < 0:
                if len(self._data) > LIMIT:
                    raise Malformed("line too long")
                await self._more(self.progress)
                continue
            lines = self._take(end + 2)
            if not lines.count(b"\r\n") == lines.count(b"\r") == lines.count(b"\n"):
                raise Malformed("bare CR or LF")
            yield _DOT.sub(b"\r\n", b"\r\n" + lines)[2:]

    async def drained(self) -> None:
        if self._full and not self.over:
            self._output = Deferred()
            await self._within(self._output, self.progress)

    async def pause(self, seconds: float) -> None:
        done: Deferred[None] = Deferred()
        call = self._later(seconds, done.callback, None)
        try:
            await done
        finally:
            if call.active():
                call.cancel()

    def start_tls(self, context: object) -> None:
        self._data.clear()  # RFC 3207 4.2: nothing that was said in clear
        self._let_go()
        self._to.startTLS(context)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._data[:count])
        del self._data[:count]
        self._let_go()
        return taken

    def _let_go(self) -> None:
        if self._held and len(self._data) < LIMIT and not self.over:
            self._held = False
            self._to.resumeProducing()

    async def _more(self, patience: float | None) -> None:
        if self.over:
            raise Closed
        assert self._input is None, "two readers"
        self._input = Deferred()
        try:
            await self._within(self._input, patience)
        finally:
            self._input = None

    async def _within(self, waiting: Deferred[None], patience: float | None) -> None:
        call = None if patience is None else self._later(patience, self._time_out)
        try:
            await waiting
        finally:
            if call is not None and call.active():
                call.cancel()

    def _time_out(self) -> None:
        self._expired()
        if self._output is not None:
            self._to.abortConnection()
        self.over = True
        if self._life is not None:
            self._life.cancel()


def shield(work: Deferred[Any], undo: Callable[[Any], None]) -> Deferred[Any]:
    """`work`, which cannot be called off: a result that comes too late is undone."""
    result: Deferred[Any] = Deferred(lambda gone: None)

    def done(value: Any) -> None:
        if not result.called:
            result.callback(value)
        elif not isinstance(value, Failure):
            undo(value)

    work.addBoth(done)
    return result


class TakesTurns(TwistedProtocol):
    """The mixin half: stands in front of a stock server and feeds `turns` instead."""

    turns: Turns
    transport: Any

    def callLater(self, period: float, func: Callable[..., object], *a: object) -> IDelayedCall:
        from twisted.internet import reactor

        return reactor.callLater(period, func, *a)

    def makeConnection(self, transport: Any) -> None:
        self.turns = Turns(transport, self.callLater, self.timeoutConnection, self.refuse)
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        super().connectionMade()
        self.turns.begin(self.turn)

    async def turn(self, line: bytes) -> None:
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        self.turns.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.turns.lost()
        super().connectionLost(reason)

    if TYPE_CHECKING:  # the stock class's own; a def here would hide it

        def timeoutConnection(self) -> None: ...

    def refuse(self, error: Malformed) -> None:
        raise NotImplementedError

    # TimeoutMixin's words, our clock.
    def setTimeout(self, period: float | None) -> float | None:
        before, self.turns.idle = self.turns.idle, period
        return before

    def resetTimeout(self) -> None: ...

    def lineReceived(self, line: bytes) -> None:
        raise AssertionError("stock input is never used")
