"""Two sides become one: a client that is logged in here, and its session at a server behind us."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.protocols.client import Call
from mailtwist.protocols.ends import Transport, leaving
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.patience import Patience
from mailtwist.protocols.received import Received

SERVER_GONE = Event("relay.server_gone", "{where} has ended a session", "warn")

AWHILE = 0.01
"""Seconds that one client's commands may keep all others waiting."""

GONE = "The server behind has gone"

Want = Callable[[], Any]
"""What a script waits for: None when it is not there yet."""

Script = Generator[Want, Any, None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one relay may cost.  `line` is the longest line of a command, in octets; the rest are seconds: for
    a client to begin a command, to go on in the middle of one, and for either side to take what was sent."""

    line: int = 64_000
    idle: float = 31 * 60.0
    progress: float = 60.0
    drain: float = 300.0


class Joined(ABC):
    """What the server says passes in blocks, what the client says command by command, and nobody is read from
    whose octets nobody takes.  It takes the place of the `Turns` of a server of ours (`services.gateway`).

    A subclass says what a protocol is like: `script`, `from_server`, `boundary`, `busy` and `last_words`."""

    __slots__ = (
        *(
            "id",
            "over",
            "idle",
            "inside",
            "_client",
            "_call",
            "_clock",
            "_bounds",
            "_in",
            "_left",
            "_patience",
        ),
        *("_behind", "_script", "_want", "_runs", "_writes", "_client_full", "_server_full", "_client_held"),
        *("_server_held", "_leaves", "_at_once", "_all_said"),
    )

    def __init__(self, client: Transport, call: Call, clock: Clock, bounds: Bounds, id: str = "") -> None:
        """`client` has no producer, and `call` nobody who reads.  `id` is that of the client's connection."""
        self.id = id
        self.over = False
        self.idle: float | None = None  # for `setTimeout`, which has nothing to say any more
        self.inside = False
        """The client is in the middle of a command (set by `script`)."""
        self._client = client
        self._call = call
        self._clock = clock
        self._bounds = bounds
        self._in = Received()
        self._left = 0
        self._patience = Patience(clock.later, self._too_slow, clock.seconds)
        self._behind = Behind(self)
        self._script: Script = self.script()
        self._want: Want = next(self._script)
        self._runs = self._writes = self._leaves = self._at_once = self._all_said = False
        self._client_full = self._server_full = self._client_held = self._server_held = False

    # -- what a protocol is like
    @abstractmethod
    def script(self) -> Script:
        """Reads the client's commands: yields what it waits for (`line`, `quiet`, something of its own; or
        from `passed` and `dropped`) and is sent what came of it.  `Malformed` is raised where it waits for a
        line; what it lets through ends the relay, and so does its end.  The first `yield` comes before
        anything else is done."""

    @abstractmethod
    def from_server(self, data: bytes) -> None:
        """The server's next octets: `to_client`."""

    @property
    @abstractmethod
    def boundary(self) -> bool:
        """The client is where something of ours can be put in between what the server says."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """The server owes answers, for which it is worth waiting when the service ends."""

    @abstractmethod
    def last_words(self, words: str, away: bool) -> bytes:
        """What a client hears at the end, with CRLF; nothing if it has heard it already.  `away`: the server
        is, and we are not to blame."""

    @property
    def crowded(self) -> bool:
        """So much is under way that no further command is read."""
        return False

    # -- for `script`
    def command(self) -> bytes | None:
        """The client's next line, which begins a command."""
        return None if self._leaves or self.crowded else self.line()

    def line(self) -> bytes | None:
        """The client's next line, without CRLF."""
        return self._in.line(self._bounds.line)

    def quiet(self) -> bool | None:
        """The server owes no answer."""
        return None if self.busy else True

    def passed(self, count: int) -> Script:
        """The client's next `count` octets go to the server."""
        self._left = count
        while self._left:
            self.to_server((yield self._some))

    def dropped(self, count: int) -> Script:
        """They go nowhere."""
        self._left = count
        while self._left:
            yield self._some

    def _some(self) -> bytes | None:
        octets = self._in.take(self._left)
        self._left -= len(octets)
        return octets or None

    # -- output
    def to_client(self, data: bytes) -> None:
        if self.over or not data:
            return
        self._writes = True
        try:
            self._client.write(data)
        finally:
            self._writes = False
        self._balance()

    def to_server(self, data: bytes) -> None:
        if not self._call.over:
            self._call.transport.write(data)

    # -- the relay's life
    def begin(self, unread: bytes = b"") -> None:
        """From now on both sides are ours.  `unread` is what the client has said already."""
        said = self._call.hand_over(self._behind)
        self._client.registerProducer(self, True)
        self._call.transport.registerProducer(self._behind, True)
        if said:
            self.from_server(said)
        self.received(unread)

    def received(self, data: bytes) -> None:
        """From the client."""
        if self.over:
            return
        self._in.add(data)
        self._go_on()

    def server_said(self, data: bytes) -> None:
        if self.over:
            return
        self.from_server(data)
        self._go_on()

    def lost(self) -> None:
        """The client has gone: nothing is said for it."""
        self.over = True
        self._leave_server()
        self._patience.end()
        if not self._runs:
            self._script.close()

    def server_lost(self) -> None:
        if not self.over:
            if self.last_words(GONE, away=True):
                SERVER_GONE.log(where=self._call.where, connection=self.id)
            self.end(GONE, away=True)

    def said_all(self) -> None:
        """The client says nothing more, but may still listen: what it has asked is answered."""
        self._all_said = True
        self._go_on()

    def finish(self, *, at_once: bool = False) -> None:
        """The service ends, or (`at_once`) the login does: what was asked is answered before, or not."""
        self._leaves = True
        self._at_once = self._at_once or at_once
        self._go_on()

    def end(self, words: str = "", *, away: bool = False) -> None:
        """Last words, if there is room for them, and both sides are closed.  A client in the middle of an
        answer is cut off: nothing must look complete that is not."""
        if self.over:
            return
        whole = self.boundary
        said = self.last_words(words, away) if whole else b""
        self.over = True
        self._leave_server()
        self._client.unregisterProducer()  # under TLS nothing closes while a producer is registered
        if whole:
            if said:
                self._client.write(said)
            if self._client_held:
                self._client.resumeProducing()  # TLS ends when the other side says so
            self._client.loseConnection()
            self._patience.watch(self._bounds.progress)
        else:
            self._client.abortConnection()

    def _leave_server(self) -> None:
        """It hears what was written, unless it is itself in the middle of saying what nobody hears: then it
        would not listen for a long time, and the session there would stay."""
        if not self._call.over:
            self._call.transport.unregisterProducer()
            (self._call.abort if self._server_held else self._call.close)()

    def _too_slow(self) -> None:
        if self.over or self._client_full:
            self.over = True
            self._leave_server()
            self._client.abortConnection()
        elif self._server_full:
            self.end("The server behind does not take it", away=True)
        else:
            self.end("Too long without a command")

    # -- who waits for whom
    def _go_on(self) -> None:
        """The client's commands, as far as they can be taken now."""
        if self._runs:
            return
        self._runs = more = True
        others = self._clock.seconds() + AWHILE
        try:
            while more and self._flows and self._clock.seconds() <= others:
                more = self._step()
        finally:
            self._runs = False
        self._balance()
        if more and self._flows:
            self._clock.later(0, self._go_on)
        elif not self.over:
            self._end_or_wait()

    @property
    def _flows(self) -> bool:
        """Commands can be taken."""
        return not (self.over or self._client_full or self._server_full)

    def _end_or_wait(self) -> None:
        answered = self.boundary and not self.busy
        if self._at_once and self.boundary:
            self.end("Your login is over, log in again")
        elif self._leaves and answered:
            self.end("The server is going down", away=True)
        elif self._all_said and self._flows and (answered or (self.inside and self._reads)):
            self.end("Goodbye")
        else:
            self._patience.watch(self._allowed())

    @property
    def _reads(self) -> bool:
        """It is the client's turn to say something."""
        return self._want in (self.line, self._some) or (self._want == self.command and not self.crowded)

    def _step(self) -> bool:
        """False: it waits."""
        try:
            try:
                got = self._want()
            except Malformed as error:
                self._want = self._script.throw(error)
            else:
                if got is None:
                    return False
                self._want = self._script.send(got)
        except Malformed as error:
            self.end(str(error))
        except StopIteration:
            self.end()
        return True

    def _allowed(self) -> float:
        if self._client_full or self._server_full:
            return self._bounds.drain
        begun = self._reads and (self.inside or self._in)
        return self._bounds.progress if begun else self._bounds.idle

    def _balance(self) -> None:
        """Each side is read from if there is room for what it says."""
        if self.over:
            return
        if self._client_held != self._in.full:
            self._client_held = self._in.full
            if self._client_held:
                self._client.pauseProducing()
            elif not leaving(self._client):
                self._client.resumeProducing()
        if self._server_held != self._client_full:
            self._server_held = self._client_full
            (self._call.pause if self._server_held else self._call.resume)()

    # -- the producer of the client's transport: it knows when the client takes no more
    def pauseProducing(self) -> None:
        self._client_full = True
        if not self._writes:
            self._balance()

    def resumeProducing(self) -> None:
        self._client_full = False
        if not self._writes:
            self._go_on()

    def stopProducing(self) -> None:  # noqa: B027
        """The client has gone, and `lost` says so."""

    def server_full(self, full: bool) -> None:
        self._server_full = full
        if not full:
            self._go_on()


class Behind:
    """The other side of a relay: who takes what the server says, and the producer of its transport."""

    __slots__ = ("_joined",)

    def __init__(self, joined: Joined) -> None:
        self._joined = joined

    def received(self, data: bytes) -> None:
        self._joined.server_said(data)

    def lost(self) -> None:
        self._joined.server_lost()

    def pauseProducing(self) -> None:
        self._joined.server_full(True)

    def resumeProducing(self) -> None:
        self._joined.server_full(False)

    def stopProducing(self) -> None:
        """The server has gone, and `lost` says so."""
