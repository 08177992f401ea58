"""One command off the wire: a name, strings and numbers, however they were written.  rfc5804#1.2 rfc5804#4"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailtwist.protocols.errors import Malformed, Unframed

Word = bytes | int
"""A string, or a number of 32 bits."""

QUOTED = 1024
"""Octets of the longest quoted string that everybody takes."""

_NAME = re.compile(rb"([A-Za-z][A-Za-z0-9_-]{0,31})(?= |\Z)")
_WORD = re.compile(rb' +(?:"((?:[^"\\\0]|\\["\\])*)"|([0-9]{1,10})|\{([0-9]{1,19})\+\}\Z)(?= |\Z)')
_STRING = re.compile(rb'"((?:[^"\\\0]|\\["\\])*)"|\{([0-9]{1,19})\+\}')
_ANNOUNCED = re.compile(rb"\{([0-9]{1,19})\+\}\Z")
_ESCAPED = re.compile(rb'\\(["\\])')
_SPECIAL = re.compile(rb'["\\]')
_PLAIN = re.compile(rb"[\x20-\x7e]*")
_BIGGEST = 2**32 - 1


class Input(Protocol):
    """The connection's octets."""

    async def line(self, limit: int) -> bytes: ...

    def literal(self, count: int) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one command may hold: `literal` is for those literals together that are kept in memory; one that
    cannot be used is thrown away if it has no more than `dropped` octets."""

    line: int
    literal: int
    words: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A command; `name` is upper case.  `announced` is the size of a literal that comes now and was left for
    whoever wants it; behind it the command has to be over (`Frames.end`)."""

    name: str
    words: tuple[Word, ...] = ()
    announced: int | None = None


Streams = Callable[[str, Sequence[Word]], bool]
"""Whether a literal that comes behind this name and these words stays where it is."""


class Frames:
    """The commands of one connection."""

    def __init__(self, input: Input) -> None:
        self._input = input

    async def read(self, line: bytes, bounds: Bounds, streams: Streams = lambda name, words: False) -> Frame:
        """The command that begins with `line`.  `Malformed` leaves nothing of it to be taken for another;
        `Unframed` when that is too much."""
        try:
            return await self._read(line, bounds, streams)
        except _Broken as broken:
            await self._skip(broken.line, bounds)
            raise Malformed(str(broken)) from None

    async def _read(self, line: bytes, bounds: Bounds, streams: Streams) -> Frame:
        found = _NAME.match(line)
        if found is None:
            raise _Broken("Expected a command", line)
        name = found[1].decode("ascii").upper()
        words: list[Word] = []
        held, at = 0, found.end()
        while (size := _more(line, at, words, bounds.words)) is not None:
            if streams(name, words):
                return Frame(name, tuple(words), size)
            held += size
            if held > bounds.literal:
                raise _Broken("The literal is too big", line)
            words.append(b"".join([chunk async for chunk in self._input.literal(size)]))
            line, at = await self._input.line(bounds.line), 0
        return Frame(name, tuple(words))

    async def end(self, bounds: Bounds) -> None:
        """The command is over behind its last literal, or `Unframed`."""
        if await self._input.line(bounds.line):
            raise Unframed("Unexpected text behind the literal")

    async def string(self, line: bytes, bounds: Bounds) -> bytes:
        """A string on a line of its own, which begins with `line`: an answer in a SASL exchange."""
        found = _STRING.fullmatch(line)
        if found is None:
            await self._skip(line, bounds)
            raise Malformed("Expected a string")
        if found[2] is None:
            return _unquoted(found[1])
        if int(found[2]) > bounds.literal:
            await self._skip(line, bounds)
            raise Malformed("The literal is too big")
        octets = b"".join([chunk async for chunk in self._input.literal(int(found[2]))])
        await self.end(bounds)
        return octets

    async def drop(self, size: int, bounds: Bounds) -> None:
        """A literal and what follows it are read and thrown away."""
        await self._drop(size, bounds)
        await self._skip(await self._input.line(bounds.line), bounds)

    async def _drop(self, size: int, bounds: Bounds) -> None:
        if size > bounds.dropped:
            raise Unframed("The literal is too big")
        async for _ in self._input.literal(size):
            pass

    async def _skip(self, line: bytes, bounds: Bounds) -> None:
        """The rest of a command that is good for nothing, from a line of it on."""
        for _ in range(bounds.words):
            found = _ANNOUNCED.search(line)
            if found is None:
                return
            await self._drop(int(found[1]), bounds)
            line = await self._input.line(bounds.line)
        raise Unframed("Too many literals")


class _Broken(Malformed):
    """`line` is what the grammar stumbled over: a literal may follow it."""

    def __init__(self, words: str, line: bytes) -> None:
        super().__init__(words)
        self.line = line


def _more(line: bytes, at: int, words: list[Word], most: int) -> int | None:
    """Adds the words of a line from `at` on; the size of the literal that it ends with."""
    while at < len(line):
        found = _WORD.match(line, at)
        if found is None:
            raise _Broken("Expected a string or a number", line)
        if len(words) == most:
            raise _Broken("Too many arguments", line)
        if found[3] is not None:
            return _number(found[3], line)
        words.append(_unquoted(found[1]) if found[1] is not None else _number(found[2], line))
        at = found.end()
    return None


def _unquoted(text: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text


def _number(digits: bytes, line: bytes) -> int:
    if int(digits) > _BIGGEST:
        raise _Broken("The number is too big", line)
    return int(digits)


def string(octets: bytes) -> bytes:
    """As everybody reads it: quoted if it is short and plain, else a literal of the client's kind."""
    return quoted(octets) if is_plain(octets) else b"{%d+}\r\n%b" % (len(octets), octets)


def is_plain(octets: bytes) -> bool:
    """Quoted, it is a string to any server, also to one that knows no UTF-8 there."""
    return len(octets) <= QUOTED // 2 and _PLAIN.fullmatch(octets) is not None


def quoted(octets: bytes) -> bytes:
    """A quoted string, of what has neither CR nor LF nor NUL."""
    return b'"%b"' % _SPECIAL.sub(rb"\\\g<0>", octets)
