"""Octets of a message on their way out, a chunk at a time: dots doubled, tops cut.  rfc1939#3 rfc1939#7"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

_DOT = re.compile(rb"\.(?<=[\r\n]\.)")  # in this order: dots are found much faster than line ends
_EMPTY_LINE = re.compile(rb"\n\r?\n")


class Stuffing:
    """Doubles dots at the beginning of a line, wherever a chunk ends.  A bare CR or LF counts as the end of a
    line, because clients read it so: nobody's mail may end an answer early."""

    def __init__(self) -> None:
        self._last = b"\r\n"

    def stuffed(self, chunk: bytes) -> bytes:
        begins_line = self._last[-1:] in b"\r\n"
        self._last = (self._last + chunk[-2:])[-2:]
        stuffed = _DOT.sub(b"..", chunk)
        return b"." + stuffed if begins_line and chunk.startswith(b".") else stuffed

    def end(self) -> bytes:
        """What ends the answer: the dot on its own line, which begins behind a line end of its own where the
        message has none."""
        return b".\r\n" if self._last == b"\r\n" else b"\r\n.\r\n"


def stuffed(message: bytes) -> bytes:
    """All of a message, and what ends the answer."""
    stuffing = Stuffing()
    return stuffing.stuffed(message) + stuffing.end()


class Top:
    """Takes a message in chunks and keeps its header, the empty line and the first `lines` lines."""

    def __init__(self, lines: int) -> None:
        self.over = False
        self._lines = lines
        self._tail = b"\n"
        self._in_body = False

    def wanted(self, chunk: bytes) -> bytes:
        """What of `chunk` belongs to it."""
        if self._in_body:
            return chunk[: self._body(chunk, 0)]
        known = len(self._tail)
        found = _EMPTY_LINE.search(self._tail + chunk)
        if found is None:
            self._tail = (self._tail + chunk)[-2:]
            return chunk
        self._in_body = True
        return chunk[: self._body(chunk, found.end() - known)]

    def _body(self, chunk: bytes, start: int) -> int:
        """Where in `chunk` the last line that is wanted ends, counted from `start`."""
        there = chunk.count(b"\n", start)
        if there < self._lines:
            self._lines -= there
            return len(chunk)
        self.over = True
        for _ in range(self._lines):
            start = chunk.index(b"\n", start) + 1
        return start


async def top(message: AsyncGenerator[bytes, None], lines: int) -> AsyncGenerator[bytes, None]:
    """The header, the empty line and `lines` lines of the body; reads no further (rfc1939#7)."""
    cut = Top(lines)
    async with aclosing(message):
        async for chunk in message:
            yield cut.wanted(chunk)
            if cut.over:
                return
