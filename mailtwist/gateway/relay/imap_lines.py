"""What an IMAP server says, left whole but for the lines that count: answers, `+`, CAPABILITY, statuses."""

import re
from collections.abc import Iterator
from enum import Enum

LONGEST = 4096
"""Octets of a line that are held until the rest of it comes; a client can make nothing of half a line."""

_MOST = 24
"""Octets of `{4294967295}` and CRLF, with room to spare."""

# Data of a mailbox or a message.  Statuses end in words of which nothing else can be said, and `{5}` at the
# end of them announces no literal (rfc3501#7.1).
_DATA = re.compile(rb"\* [^BbCcNnOoPp\r\n]")
_STOP = re.compile(rb"\n(?:(?<=\}\r\n)|(?<=\r\n)(?!\* [^BbCcNnOoPp\r\n]))")
_LITERAL = re.compile(rb"\{([0-9]{1,19})\+?\}\r\n")


class Line(bytes):
    """A line that counts, with its CRLF; without one only the beginning of a very long line."""

    __slots__ = ()


class Here(Enum):
    """What is given where a line begins, if that was `wanted`."""

    BOUNDARY = b""


class _In(Enum):
    LINE_TO_COME = 0
    DATA = 1
    WORDS = 2


class ServerLines:
    """One server's octets.  Where a line begins, literals apart, is known at any time."""

    __slots__ = ("_held", "_in", "_literal", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self._held = b""
        self._literal = 0
        self._in = _In.LINE_TO_COME

    @property
    def boundary(self) -> bool:
        """Nothing was given of a line whose end was not."""
        return self._in is _In.LINE_TO_COME

    def feed(self, data: bytes) -> Iterator[bytes | Line | Here]:
        """`data` in order: octets to pass, and each `Line`.  Who stops half way loses the rest."""
        data = self._held + data if self._held else data
        at, given = min(self._literal, len(data)), 0
        self._literal -= at
        while at < len(data):
            begins = self._in is _In.LINE_TO_COME
            if begins and self.wanted:
                yield data[given:at]
                given = at
                yield Here.BOUNDARY
            if begins and not _DATA.match(data, at):
                if (end := self._end_of_line(data, at)) is None:
                    break
                yield data[given:at]
                yield Line(data[at:end])
                given = at = end
            elif (after := self._passed(data, at)) is not None:
                at = after
            else:
                break
        keep = self._kept(data, at)
        self._held = data[keep:]
        yield data[given:keep]

    def _end_of_line(self, data: bytes, at: int) -> int | None:
        """Of one that counts; None while it has none that is worth waiting for."""
        end = data.find(b"\r\n", at)
        if end >= 0:
            return end + 2
        if len(data) - at <= LONGEST:
            return None
        self._in = _In.WORDS
        return len(data) - data.endswith(b"\r")

    def _passed(self, data: bytes, at: int) -> int | None:
        """Where data goes on that need not be looked at: behind a literal or at a line; None when neither has
        come."""
        if self.wanted or self._in is _In.WORDS:
            end = data.find(b"\r\n", at) + 2
        else:
            found = _STOP.search(data, at + 1)  # CR, if there is one at all, does not stand before `at`
            end = found.end() if found else 1
        if end == 1:
            return None
        size = None if self._in is _In.WORDS else _size(data, at, end)
        if size is None:
            self._in = _In.LINE_TO_COME
            return end
        self._in = _In.DATA
        self._literal = max(0, end + size - len(data))
        return min(end + size, len(data))

    def _kept(self, data: bytes, at: int) -> int:
        """How much can be given; the rest is held until more comes."""
        if at >= len(data):
            return len(data)
        if self._in is not _In.WORDS:
            last = data.rfind(b"\r\n", at) + 2
            if last == 1 and self._in is _In.LINE_TO_COME:
                last = at
            if last != 1 and len(data) - last <= LONGEST:
                self._in = _In.LINE_TO_COME
                return last
            self._in = _In.DATA
            begun = data.rfind(b"{", max(at, len(data) - _MOST))
            if begun >= 0:
                return begun
        return len(data) - data.endswith(b"\r")


def _size(data: bytes, low: int, end: int) -> int | None:
    """Of the literal that the octets before `end` announce; they do not begin before `low`."""
    start = data.rfind(b"{", max(low, end - _MOST), end)
    found = _LITERAL.fullmatch(data, start, end) if start >= 0 else None
    return None if found is None else int(found[1])
