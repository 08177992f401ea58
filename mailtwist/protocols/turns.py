"""One connection's turns: bounded input, one coroutine that reads it, output that waits.  rfc2920 rfc3207"""

from collections.abc import AsyncIterator, Callable, Coroutine
from math import inf
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mailtwist.kit.alongside import Alongside
from mailtwist.kit.clock import Clock, SystemClock
from mailtwist.kit.driven import Driven, Wait
from mailtwist.kit.events import Event, connection_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import shield as shield
from mailtwist.protocols.ends import Output, Speaker, Transport, leaving
from mailtwist.protocols.errors import Closed, Malformed, Unframed
from mailtwist.protocols.patience import SLOWEST, Patience, Stretch
from mailtwist.protocols.reads import Reads
from mailtwist.protocols.received import Received

ENOUGH = 32 * 1024
"""Octets that are worth a write of their own."""

TURN_FAILED = Event("turn.failed", "a turn failed", "critical")


class Turns:
    """A collaborator: it is no Protocol and knows no mail.

    `idle` is how many seconds the peer may think before it begins a line (None: any time).  `progress` is how
    long a line may take from its first octet to its last, and in which a literal or a block must have brought
    `SLOWEST * progress` octets or its end.  `drain` is how long output may wait for the peer to read.
    `limit` is the longest line, without CRLF."""

    def __init__(self, transport: Transport, speaker: Speaker) -> None:
        self.idle: float | None = 60
        self.progress: float = 60
        self.drain: float = 300
        self.limit = 4096
        self.over = False
        self.id = new_id()
        self._to = transport
        self._speaker = speaker
        self._patience = Patience(speaker.callLater, self._too_slow, speaker.clock.seconds)
        self._stretch = Stretch(speaker.clock.seconds)
        self._in = Received()
        self._reads = Reads(self._in, self._patience, self._more, self._let_go, self._was_told)
        self._out = Output(transport, self._resumed, self._patience.came)
        self._more_came: Wait | None = None
        self._has_room: Deferred[None] | None = None
        self._life: Driven | None = None
        self._also = Alongside(TURN_FAILED.failure, Closed)
        self._owed: AsyncIterator[bytes] | None = None
        self._between = True
        self._held = self._told = self._listens = self._last = self._closing = False

    def received(self, data: bytes) -> None:
        """Octets from the peer.  Replies to all that can be answered at once leave in one write."""
        if self.over:
            return
        self._in.add(data)
        self._patience.came(len(data))
        self._stretch.begin()
        try:
            self._wake()
        finally:
            self._out.flush()
        if self._in.full and not (self._held or self.over):
            self._held = True
            self._to.pauseProducing()

    def lost(self) -> None:
        """The connection has gone: what the turn waits for is cancelled."""
        self.over = self._closing = True
        self._out.drop()
        self._patience.end()
        if self._life is not None:
            self._life.cancel()

    def begin(self, turn: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """From now on each line begins a turn, one after the other."""
        if leaving(self._to):
            self.close()
        self._life = Driven(self._live(turn), self._crashed)
        self._life.go_on()
        if self.over:
            self._life.cancel()

    def also(self, work: Coroutine[Any, Any, Any]) -> None:
        """`work` is part of the turn under way: begun now, awaited before the next turn."""
        self._also.begin(work)

    def tell(self) -> None:
        """Something besides octets has happened: `line_or_told` returns, now or when it is next called.
        Told twice is told once: the server keeps what there is to say."""
        self._told = True
        if self._listens:
            self._wake()

    def finish(self) -> None:
        """No further turn: after the one under way, or now, the peer hears the farewell."""
        self._last = True
        if self._between and not self.over:
            self._last_words(self._speaker.farewell)
            if self._life is not None:
                self._life.cancel()

    def close(self) -> None:
        """What was written still goes out; a peer that does not let it is cut off after `progress`."""
        self._out.flush()
        self.over = True
        self._out.unregister()  # under TLS nothing closes while a producer is registered
        self._to.loseConnection()
        if not self._closing:
            self._closing = True
            self._patience.watch(self.progress)

    def hand_over(self) -> bytes:
        """The turn under way is the last, and the transport somebody else's from now on.  What is unread."""
        self._out.flush()
        self._out.unregister()
        self.over = True
        self._patience.end()
        unread = self._in.take(len(self._in))
        if self._held:
            self._to.resumeProducing()
        return unread

    def ours(self) -> None:
        """A value command begins: from here the transport tells us when it is full."""
        if not self.over:
            self._out.register()

    async def _live(self, turn: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        connection_id.set(self.id)
        try:
            while not self.over:
                try:
                    await self._take_turn(turn)
                except Malformed as error:
                    self._refused(error)
                if self._in and self._stretch.over():
                    await self.pause(0)
                    self._stretch.begin()
        except (CancelledError, Closed):
            if not self.over:
                raise  # nobody has closed: something within the turn was cancelled, which is a bug
        finally:
            self._also.drop()

    async def _take_turn(self, turn: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        if (owed := self._owed) is not None:
            self._owed = None
            async for _ in owed:  # what the last turn left is never executed as commands
                pass
        if self._last:
            self._last_words(self._speaker.farewell)
            return
        self._between = True
        line = await self._reads.line(self.limit, self.progress, self.idle)
        assert line is not None
        self._between = False
        try:
            await turn(line)
            await self._rest_of_turn()
        finally:
            self._out.unregister()

    async def _rest_of_turn(self) -> None:
        await self._also.done()  # what a subclass began with super().do_X()
        if not self.over and leaving(self._to):  # a third party's transport.loseConnection()
            self.close()
        self.ours()
        if self.much:
            await self.drained()

    def _last_words(self, say: Callable[[], None]) -> None:
        self._out.unregister()
        self._out.flush()
        try:
            say()
        finally:
            self.close()

    def _refused(self, error: Malformed) -> None:
        if self.over:
            return
        go_on = self._speaker.refuse(error)
        if not go_on or isinstance(error, Unframed):
            self.close()

    def _crashed(self, failure: Failure) -> None:
        TURN_FAILED.failure(failure, connection=self.id)
        if not self.over:
            self._last_words(self._speaker.crashed)

    async def line(self, limit: int | None = None, patience: float | None = None) -> bytes:
        """The next line, without CRLF.  `limit` and `patience` are `self.limit` and `self.idle` where not
        given.  `LineTooLong`, `Unframed`."""
        line = await self._line(limit, patience)
        assert line is not None
        return line

    async def line_or_told(self, limit: int | None = None, patience: float | None = None) -> bytes | None:
        """The next line; or None, when `tell` was called since this last returned None."""
        self._listens = True
        try:
            return await self._line(limit, patience)
        finally:
            self._listens = False

    async def _line(self, limit: int | None, patience: float | None) -> bytes | None:
        return await self._reads.line(limit or self.limit, self.progress, patience or self.idle)

    def _was_told(self) -> bool:
        """Once for each time."""
        told = self._listens and self._told
        self._told = self._told and not told
        return told

    def literal(self, count: int) -> AsyncIterator[bytes]:
        """The next `count` octets, as they come.  What the turn leaves of them is dropped."""
        self._owed = self._reads.literal(count, self.progress)
        return self._owed

    def block(self) -> AsyncIterator[bytes]:
        """The octets up to a dot on a line of its own, as `received.Block` gives them.  What the turn leaves
        of them is dropped."""
        self._owed = self._reads.block(self.progress)
        return self._owed

    async def drained(self) -> None:
        """What was written has gone out, but for what the transport likes to hold."""
        self._out.flush()
        if self._out.full and not self.over:
            self._has_room = Deferred()
            self._patience.watch(self.drain, SLOWEST * self.drain if self._out.missing else inf)
            try:
                await self._has_room
            finally:
                self._has_room = None
                self._rest()

    @property
    def takes_files(self) -> bool:
        """The kernel can send files to this peer (`send_file`)."""
        return self._out.takes_files

    async def send_file(self, file: int, start: int, count: int) -> int:
        """Octets of an open file leave behind what was written, at once if the peer has room.  Returns
        when they have; or how many the file has not, and then the peer must be cut off."""
        if self.over:
            raise Closed
        self._out.send_file(file, start, count)
        try:
            await self.drained()
        finally:
            self._out.forget_file()
        return self._out.missing

    def write(self, data: bytes) -> None:
        """`data` goes to the peer, with whatever else is written before somebody waits: for the peer, for
        room (`drained`) or for others' turn.  Who writes to the transport as well calls `flush` first."""
        if not self.over:
            self._out.write(data)

    @property
    def much(self) -> bool:
        """More was written than should wait; it is time for `drained`."""
        return self._out.full or self._out.size + self._out.unwatched >= ENOUGH

    def flush(self) -> None:
        """All that `write` took is with the transport."""
        self._out.flush()

    async def pause(self, seconds: float) -> None:
        """Later; the reactor has its turn."""
        self._out.flush()
        done: Deferred[None] = Deferred()
        call = self._speaker.callLater(seconds, done.callback, None)
        try:
            await done
        finally:
            if call.active():
                call.cancel()

    def start_tls(self, context: object) -> None:
        """TLS from here on.  What was received in clear is dropped (rfc3207#4.2)."""
        self._out.flush()
        self._to.startTLS(context)
        self._in.clear()
        self._let_go()

    def _let_go(self) -> None:
        if self._held and not self._in.full and not self.over and not leaving(self._to):
            self._held = False
            self._to.resumeProducing()

    def _wake(self) -> None:
        waiting = self._more_came
        if waiting is None or waiting.called:
            return
        self._more_came = None
        self._rest()
        if self._life is not None and self._life.waits_for(waiting):
            self._life.go_on()
        else:  # `also` has begun another coroutine, which reads
            waiting.callback(None)

    def _resumed(self) -> None:
        if (waiting := self._has_room) is not None and not waiting.called:
            waiting.callback(None)

    def _more(self) -> Wait:
        if self.over:
            raise Closed
        assert self._more_came is None or self._more_came.called, "two readers"
        self._out.flush()
        self._more_came = wait = Wait()
        return wait

    def _rest(self) -> None:
        if not self._closing:
            self._patience.rest()

    def _too_slow(self) -> None:
        if self._closing or self._has_room is not None:
            self.over = True
            self._to.abortConnection()
        else:
            self._last_words(self._speaker.timeoutConnection)
        if self._life is not None:
            self._life.cancel()


class TakesTurns(TwistedProtocol):
    """The mixin half: stands in front of a stock server and feeds `turns` instead.

    A server says `turn`, `refuse`, and what it likes of `crashed` and `farewell`.  While it is `settling`
    something, the peer should hear what became of it."""

    turns: Turns
    settling = False
    transport: Any
    clock: Clock = SystemClock()

    def callLater(self, period: float, func: Callable[..., object], *args: object) -> IDelayedCall:
        return self.clock.later(period, func, *args)

    def makeConnection(self, transport: Any) -> None:
        if hasattr(transport, "setTcpNoDelay"):  # a UNIX socket has none
            transport.setTcpNoDelay(True)
        self.turns = Turns(transport, self)
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

    def refuse(self, error: Malformed) -> bool | None:
        raise NotImplementedError

    def crashed(self) -> None: ...

    def farewell(self) -> None: ...

    def finish(self) -> None:
        """The service ends: what is under way is finished, then the peer hears the farewell."""
        self.turns.finish()

    def sendLine(self, line: bytes) -> None:
        """Stock replies, in order with ours."""
        self.turns.flush()
        self.transport.write(line + b"\r\n")

    # TimeoutMixin's words, our clock.
    def setTimeout(self, period: float | None) -> float | None:
        before, self.turns.idle = self.turns.idle, period
        return before

    def resetTimeout(self) -> None: ...
