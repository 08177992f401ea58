"""A ManageSieve client that has logged in, and its scripts at a server behind: one command at a time is read,
written anew and sent on."""

import types
from collections.abc import AsyncIterator, Generator, Sequence
from typing import Any

from mailtwist.gateway.relay.joined import Bounds, Joined, Script, Want
from mailtwist.gateway.relay.sieve_answers import Answers, Verdict
from mailtwist.gateway.relay.sieve_commands import Table, needed, spelled
from mailtwist.gateway.relay.steps import OUT_OF_STEP, OutOfStep
from mailtwist.kit.clock import Clock
from mailtwist.protocols.client import Call
from mailtwist.protocols.ends import Transport
from mailtwist.protocols.errors import LineTooLong, Malformed, Unframed
from mailtwist.protocols.sieve import words
from mailtwist.protocols.sieve.limits import Limits
from mailtwist.protocols.sieve.replies import bye, no
from mailtwist.protocols.sieve.words import Frame, Frames, Word

MOST_BAD = 20
"""Commands in a row that did not pass; then the connection ends."""

MOST_HELD = 64 * 1024
"""Octets of an answer that a client does not hear, or not yet."""

_LIMITS = Limits()
_BOUNDS = words.Bounds(_LIMITS.line, _LIMITS.literal, _LIMITS.words, _LIMITS.dropped_late)


class SieveRelay(Joined):
    """`table` says what passes.

    A client's literals come unasked (rfc5804#4), and servers differ in what they do with one behind a command
    that they refuse: some take it for commands.  So nothing passes that a server could stumble over before it
    knows of the literal: words are written in the form that all servers read, a name is one that a script
    can have, and before a script is put the server is asked whether it has space for one of this name and
    size."""

    __slots__ = ("_answers", "_frames", "_held", "_said", "_table", "_verdict", "_waiting")

    def __init__(
        self, client: Transport, call: Call, clock: Clock, bounds: Bounds, id: str, table: Table
    ) -> None:
        self._answers = Answers()
        self._said = _Said(self)
        self._frames = Frames(self._said)
        self._table = table
        self._held: bytearray | None = None
        self._waiting = False
        self._verdict: Verdict = ""
        super().__init__(client, call, clock, bounds, id)

    # -- the client's commands
    def script(self) -> Script:
        yield from self._commands().__await__()

    async def _commands(self) -> None:
        bad = 0
        while bad < MOST_BAD:
            self.inside = False
            line = await _wanted(self.command)
            self.inside = True
            try:
                frame = await self._frames.read(line, _BOUNDS, self._table.streams)
                if not await self._take(frame):
                    return
                bad = 0
            except (Unframed, LineTooLong):
                raise
            except Malformed as error:
                bad += 1
                self.to_client(no(str(error)))
        raise Unframed("Too many commands that make no sense")

    async def _take(self, frame: Frame) -> bool:
        """False: it was the last one."""
        if frame.name == "CAPABILITY":
            self.to_client(self._table.capability)
            return True
        try:
            needed(self._table.kinds.get(frame.name), frame)
        except Malformed:
            if frame.announced is not None:
                await self._frames.drop(frame.announced, _BOUNDS)
            raise
        if frame.name in ("PUTSCRIPT", "CHECKSCRIPT"):
            await self._script_of(frame)
        else:
            await self._ask(spelled(frame.name, frame.words))
        return frame.name != "LOGOUT"

    async def _script_of(self, frame: Frame) -> None:
        script = b""
        before: Sequence[Word] = frame.words
        size = frame.announced
        if size is None:
            *before, last = frame.words
            script = last if isinstance(last, bytes) else b""
            size = len(script)
        if frame.name == "PUTSCRIPT" and size and not await self._has_space(before[0], size):
            if frame.announced is not None:
                await self._frames.drop(size, _BOUNDS)
            return
        self._asked(b"%b {%d+}\r\n%b" % (spelled(frame.name, before), size, script))
        if frame.announced is not None:
            async for octets in self._said.literal(size):
                self._still_asked()
                self.to_server(octets)
            await self._frames.end(_BOUNDS)
        self._still_asked()
        self.to_server(b"\r\n")
        await _wanted(self.quiet)

    async def _has_space(self, name: Word, size: int) -> bool:
        """A client hears when there is none."""
        self._held = bytearray()
        await self._ask(spelled("HAVESPACE", (name, size)))
        held, self._held = self._held, None
        if self._verdict == "OK":
            return True
        self.to_client(bytes(held))
        return False

    async def _ask(self, command: bytes) -> None:
        self._asked(command + b"\r\n")
        await _wanted(self.quiet)

    def _asked(self, octets: bytes) -> None:
        self._waiting = True
        self.to_server(octets)

    def _still_asked(self) -> None:
        """A server that has answered before it has heard the whole command is done with it, and whether it
        still knows what the rest belongs to cannot be told: it does not hear the rest."""
        if not self._waiting:
            raise Unframed("The server behind does not want it")

    # -- the server's answers
    def from_server(self, data: bytes) -> None:
        heard: list[bytes] = []
        try:
            for octets, verdict in self._answers.passed(data):
                self._heard(octets, verdict, heard)
        except OutOfStep as error:
            OUT_OF_STEP.log(where=self._call.where, why=error.detail, connection=self.id)
            self.end(error.public, away=True)
            return
        self.to_client(b"".join(heard))
        if self._verdict == "BYE":
            self.end()

    def _heard(self, octets: bytes, verdict: Verdict, heard: list[bytes]) -> None:
        if not self._waiting and self._answers.verdict != "BYE":
            raise OutOfStep("an answer to nothing")
        if self._held is None:
            heard.append(octets)
        else:
            self._held += octets
            if len(self._held) > MOST_HELD:
                raise OutOfStep("an answer without end")
        if verdict:
            self._waiting, self._verdict = False, verdict
            if verdict == "BYE" and self._held is not None:
                heard.append(bytes(self._held))

    @property
    def boundary(self) -> bool:
        return self._answers.between

    @property
    def busy(self) -> bool:
        return self._waiting

    def last_words(self, words: str, away: bool) -> bytes:
        return bye(words, "TRYLATER" if away else "") if words else b""


@types.coroutine
def _wanted(want: Want) -> Generator[Want, Any, Any]:
    """What comes of it, to a coroutine that is a relay's script."""
    return (yield want)


class _Said:
    """What the client of a relay says, as `Frames` wants to read it."""

    __slots__ = ("_relay",)

    def __init__(self, relay: SieveRelay) -> None:
        self._relay = relay

    async def line(self, limit: int) -> bytes:
        line: bytes = await _wanted(self._relay.line)
        return line

    async def literal(self, count: int) -> AsyncIterator[bytes]:
        relay = self._relay
        relay._left = count
        while relay._left:
            yield await _wanted(relay._some)
