"""One command off the wire, its literals cut out before any grammar runs.  rfc3501#4.3 rfc7888"""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import LITERAL
from mailtwist.protocols.imap.limits import Limits

_TAG = rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]{1,200})"
_TAGGED = re.compile(_TAG + rb"(?= |\Z)")
_OPENING = re.compile(_TAG + rb" (?:((?i:UID)) )?([A-Za-z][A-Za-z0-9.\-]{0,63})(?= |\Z)")
_ANNOUNCED = re.compile(rb"\{([0-9]+)(\+?)\}")


class Input(Protocol):
    """The connection's octets."""

    async def line(self, limit: int) -> bytes: ...

    def literal(self, count: int) -> AsyncIterator[bytes]: ...


class Streams(Protocol):
    """What there is to know about a command before its arguments: see `Command.streams`."""

    def streams(self, before: bytes) -> bool: ...


class Refused(Malformed):
    """Answered BAD; the next line is a command again.  `tag` is b"" when none could be read, `code` the
    response code."""

    def __init__(self, tag: bytes, words: str, code: str = "") -> None:
        super().__init__(words)
        self.tag = tag
        self.code = code


class TooBig(Malformed):
    """A literal that nobody wants is on its way: only the end of the connection stops it (rfc7888#4)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one command may hold.  A literal that cannot be used is read and thrown away if it has no more
    than `dropped` octets; one that the client sends without being asked may have `unasked`."""

    line: int
    literal: int
    literals: int
    dropped: int
    unasked: int

    @classmethod
    def of(cls, limits: Limits, *, early: bool, unasked: int) -> "Bounds":
        """`early` is before login."""
        if early:
            literal = limits.early_literal
            return cls(limits.early_line, literal, limits.literals, literal, unasked)
        return cls(limits.line, limits.literal, limits.literals, 2 * limits.message, unasked)


@dataclass(frozen=True, slots=True)
class Opening:
    """`name` is upper case, without UID."""

    tag: bytes
    name: str
    by_uid: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole command.  In `text`, what stands behind the name, each of `literals` has left one
    `arguments.LITERAL`.  `announced` is the literal a command reads by itself; `text` ends before it."""

    opening: Opening
    text: bytes
    literals: tuple[bytes, ...] = ()
    announced: "Announced | None" = None


class Announced:
    """A literal the client has announced (`door.Incoming`); `waits` while it waits to be asked."""

    def __init__(self, size: int, waits: bool, source: "Frames", bounds: Bounds) -> None:
        self.size = size
        self._left = size
        self.waits = waits
        self._source = source
        self._bounds = bounds
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.waits:
            self.waits = False
            self._source.go_on()
        async for chunk in self._source.input.literal(self._left):
            self._left -= len(chunk)
            yield chunk

    async def end(self, after: bytes = b"") -> None:
        self._ended = True
        if await self._source.rest(self._bounds) != after:
            raise Malformed("Unexpected text behind the literal")

    async def drop(self) -> None:
        """What of the command has not been read is out of the way."""
        if not self._ended and not self.waits:
            await self._source.drop(self._left, self._bounds)
            await self._source.rest(self._bounds)


class Frames:
    """The commands of one connection."""

    def __init__(self, input: Input, go_on: Callable[[], None]) -> None:
        """`go_on` asks the client for a synchronising literal."""
        self.input = input
        self.go_on = go_on

    async def read(self, line: bytes, bounds: Bounds, find: Callable[[Opening], Streams | None]) -> Frame:
        """The command that begins with `line`.  `find` says what it is, None for nothing that may come now:
        the client is not asked for the literals of such a command, and those that come all the same are
        thrown away, never taken for commands."""
        found = None if LITERAL in line else _OPENING.match(line)
        if found is None:
            await self._skip(line, bounds)
            raise Refused(_tag(line), "Expected a tag and a command")
        opening = Opening(found[1], found[3].decode("ascii").upper(), found[2] is not None)
        kind = find(opening)
        if kind is None:
            await self._skip(line, bounds)
            raise Refused(opening.tag, "Unknown command, or not in this state")
        return await self._cut(opening, line[found.end() :], kind, bounds)

    async def _cut(self, opening: Opening, text: bytes, kind: Streams, bounds: Bounds) -> Frame:
        literals: list[bytes] = []
        room = bounds.literal
        while (found := _announced(text)) is not None:
            text, size, waits = found
            if not waits and size > bounds.unasked:
                await self._throw_away(size, waits, bounds)
                raise Refused(opening.tag, "The literal is too big to come without being asked for", "TOOBIG")
            if kind.streams(text):
                return Frame(opening, text, tuple(literals), Announced(size, waits, self, bounds))
            if size > room or len(literals) == bounds.literals:
                await self._throw_away(size, waits, bounds)
                raise Refused(opening.tag, "The literal is too big, or one too many")
            if waits:
                self.go_on()
            room -= size
            literals.append(b"".join([chunk async for chunk in self.input.literal(size)]))
            line = await self.input.line(max(bounds.line - len(text), 0))
            if LITERAL in line:
                await self._skip(line, bounds)
                raise Refused(opening.tag, "There is a NUL in the command")
            text += LITERAL + line
        return Frame(opening, text, tuple(literals))

    async def drop(self, size: int, bounds: Bounds) -> None:
        """A literal is read and thrown away; `TooBig` when it is not worth that."""
        if size > bounds.dropped:
            raise TooBig("The literal is too big")
        async for _ in self.input.literal(size):
            pass

    async def rest(self, bounds: Bounds) -> bytes:
        """The text up to the end of a command whose literals are of no interest any more."""
        line = await self.input.line(bounds.line)
        await self._skip(line, bounds)
        return line

    async def _skip(self, line: bytes, bounds: Bounds) -> None:
        for _ in range(bounds.literals):
            found = _announced(line)
            if found is None or found[2]:
                return
            await self.drop(found[1], bounds)
            line = await self.input.line(bounds.line)
        raise TooBig("Too many literals")

    async def _throw_away(self, size: int, waits: bool, bounds: Bounds) -> None:
        if not waits:
            await self.drop(size, bounds)
            await self.rest(bounds)


def _announced(text: bytes) -> tuple[bytes, int, bool] | None:
    """What stands before a literal announced at the end of `text`, its size, and whether the client waits."""
    if not text.endswith(b"}"):
        return None
    start = text.rfind(b"{")
    found = _ANNOUNCED.fullmatch(text, max(start, 0))
    if found is None:
        return None
    size = int(found[1]) if len(found[1]) < 20 else 10**20  # int() of a long line would take its time
    return text[:start], size, not found[2]


def _tag(line: bytes) -> bytes:
    found = _TAGGED.match(line)
    return found[1] if found else b""
