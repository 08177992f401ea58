"""The parts of a message and where they lie in it, found in one pass over its octets.  rfc2045 rfc2046#5.1"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from mmap import mmap
from typing import Protocol

from mailtwist.mail import content_fields, headers
from mailtwist.mail.content_fields import Parameters

PARTS = 2_000
"""Of one message; what comes behind is text of the last part."""

DEPTH = 50
"""Parts in parts; those further in are not looked for."""

BOUNDARY = 1_000
"""Octets of a boundary, a line at most (rfc5322#2.1.1); a multipart with a longer one has no parts."""

FIELDS = 1024 * 1024
"""Octets of fields that are kept of one message; behind that, parts only say what type they are."""

BLOCK = 64 * 1024

_ENVELOPE = frozenset(b"date subject from sender reply-to to cc bcc in-reply-to message-id".split())
_CONTENT = frozenset(
    b"content-" + name
    for name in b"type id description transfer-encoding md5 disposition language location".split()
)
_LISTS = frozenset(b"from sender reply-to to cc bcc".split())
_HEADER_STOP = re.compile(rb"\n(?:\r?\n|--)")
_PLAIN: tuple[bytes, bytes, Parameters] = (b"text", b"plain", ())
_MESSAGE: tuple[bytes, bytes, Parameters] = (b"message", b"rfc822", ())


@dataclass(slots=True, eq=False)
class Part:
    """One part, or the whole message.  `start`, `body` and `end` are offsets in the message: the header with
    its empty line lies from `start` to `body`, what it describes from `body` to `end`; `lines` are the line
    ends in the latter.

    `type`, `subtype`, the names and values of `parameters` and the other `fields` (by name in lower case,
    unfolded) are as they were written.  `parts` are those of a multipart; a message/rfc822 has one, the
    message it holds.
    """

    start: int
    body: int = -1
    end: int = -1
    lines: int = 0
    type: bytes = b"text"
    subtype: bytes = b"plain"
    parameters: Parameters = ()
    fields: Mapping[bytes, bytes] = field(default_factory=dict)
    parts: list["Part"] = field(default_factory=list)

    @property
    def multipart(self) -> bool:
        return self.type.lower() == b"multipart"

    @property
    def message(self) -> bool:
        """It holds a message of its own."""
        return self.type.lower() == b"message" and self.subtype.lower() == b"rfc822"

    @property
    def encoding(self) -> bytes:
        """As it was written; `7bit` where nothing was said, or nothing that makes sense."""
        return content_fields.encoding(self.fields.get(b"content-transfer-encoding", b"")) or b"7bit"

    def parameter(self, name: bytes) -> bytes | None:
        """The first parameter that is called `name` (lower case)."""
        return content_fields.parameter(self.parameters, name)

    def count(self) -> int:
        """Itself and all parts in it."""
        return 1 + sum(part.count() for part in self.parts)


class Watcher(Protocol):
    """Who wants to see the octets as they pass, each at most once, in order."""

    def header(self, part: Part, octets: bytes) -> None:
        """The whole header of a part, but no more of it than `headers.LIMIT`."""

    def body(self, part: Part, octets: bytes) -> None:
        """Some of the body of a part that has no parts."""


def structure(message: bytes | bytearray | memoryview | mmap, block: int = BLOCK) -> Part:
    """The message's parts.  Any octets have a structure."""
    parser = StructureParser()
    for start in range(0, len(message), block):
        parser.feed(bytes(message[start : start + block]))
    return parser.finish()


@dataclass(slots=True)
class _Open:
    """A part whose end was not seen yet.  `boundary` is None where nothing more can be found by it."""

    part: Part
    default: tuple[bytes, bytes, Parameters]
    envelope: bool
    boundary: bytes | None = None
    lines_before: int = 0


class StructureParser:
    """Takes a message in blocks of any size and holds no more of it than a line and a header.  `count` is how
    many parts have begun.

    Each octet is looked at a bounded number of times, whatever the message says: boundaries of all open
    multiparts are looked for at once, and only where a line begins with two hyphens.
    """

    def __init__(self, watcher: Watcher | None = None) -> None:
        self._watcher = watcher
        self._data = b"\n"  # every line then comes behind a line end, the first one, too
        self._base = -1
        self._look = 0  # in _data: a line end behind which a line begins that was not looked at
        self._passed = 1  # in _data: what lies before was counted and shown
        self._lines = 0
        self._room = FIELDS
        self._header: bytearray | None = None
        self._in_mark = self._ended = False
        self.count = 0
        self._open: list[_Open] = []
        self._boundaries: tuple[bytes, ...] = ()
        self._longest = 0
        self._root = self._begin(0, _PLAIN, envelope=True)

    def feed(self, block: bytes) -> None:
        keep = max(0, min(self._look, self._passed) - 1)
        self._data = self._data[keep:] + block
        self._base += keep
        self._look -= keep
        self._passed -= keep
        while self._step():
            pass

    def finish(self) -> Part:
        """There is no more of it."""
        self._ended = True
        while self._step():
            pass
        self._pass_to(len(self._data))
        self._end_headers(len(self._data))
        self._close(0, self._base + len(self._data))
        return self._root

    # -- the scan: each step finds one thing, or wants more octets
    def _step(self) -> bool:
        if self._in_mark:
            return self._rest_of_mark()
        if self._header is not None:
            found = _HEADER_STOP.search(self._data, self._look)
            at = -1 if found is None else found.start()
            if found is not None and not found[0].endswith(b"-"):
                self._look = found.end() - 1
                self._end_header(found.end())
                return True
        else:
            at = self._data.find(b"\n--", self._look) if self._boundaries else -1
        return self._nothing_here() if at < 0 else self._mark(at)

    def _nothing_here(self) -> bool:
        self._look = max(self._look, len(self._data) - 3)  # half of what is looked for may be there
        self._pass_to(max(self._passed, self._look))
        return False

    def _mark(self, at: int) -> bool:
        """A line that begins with two hyphens: is it a boundary's?"""
        text = at + 3
        self._look = at
        if len(self._data) < text + self._longest + 2 and not self._ended:
            self._pass_to(max(self._passed, at - 1))
            return False
        level = self._level(text)
        self._look = text - 1
        if level < 0:
            return True
        end = max(at - self._data.startswith(b"\r\n", at - 1), self._passed)
        self._pass_to(end)
        self._end_headers(end)
        self._close(level + 1, self._base + end)
        boundary = self._open[level].boundary or b""
        if self._data.startswith(b"--", text + len(boundary)):
            self._open[level].boundary = None
            self._remember_boundaries()
        else:
            self._in_mark = True
        return True

    def _level(self, at: int) -> int:
        """Which open multipart's boundary stands here: the longest that fits, of equal ones the innermost."""
        if not self._data.startswith(self._boundaries, at):
            return -1
        best, length = -1, -1
        for level, known in enumerate(self._open):
            boundary = known.boundary
            if boundary is not None and len(boundary) >= length and self._data.startswith(boundary, at):
                best, length = level, len(boundary)
        return best

    def _rest_of_mark(self) -> bool:
        end = self._data.find(b"\n", self._look)
        if end < 0:
            self._look = len(self._data)
            self._pass_to(self._look)
            return False
        self._look = end
        self._pass_to(end + 1)
        self._in_mark = False
        holder = self._open[-1].part
        default = _MESSAGE if holder.subtype.lower() == b"digest" else _PLAIN
        holder.parts.append(self._begin(self._base + end + 1, default, envelope=False))
        return True

    # -- parts
    def _begin(self, start: int, default: tuple[bytes, bytes, Parameters], *, envelope: bool) -> Part:
        part = Part(start)
        self._open.append(_Open(part, default, envelope))
        self._header = bytearray()
        self.count += 1
        self._remember_boundaries()
        return part

    def _end_headers(self, end: int) -> None:
        """No more comes: neither for a header that is open, nor for one that this opens."""
        while self._header is not None:
            self._end_header(end)

    def _end_header(self, end: int) -> None:
        self._pass_to(end)
        header, self._header = bytes(self._header or b""), None
        this = self._open[-1]
        part = this.part
        part.body = self._base + end
        this.lines_before = self._lines
        fields = _kept(header, _CONTENT | _ENVELOPE if this.envelope else _CONTENT)
        said = fields.pop(b"content-type", None)
        known = None if said is None else content_fields.content_type(said)
        part.type, part.subtype, part.parameters = known or (this.default if said is None else _PLAIN)
        if self._room > 0:
            part.fields = fields
            self._room -= sum(map(len, fields.values()))
        if self._watcher is not None:
            self._watcher.header(part, header)
        if len(self._open) <= DEPTH and self.count < PARTS:
            self._go_in(this)

    def _go_in(self, this: _Open) -> None:
        part = this.part
        if part.multipart:
            boundary = part.parameter(b"boundary")
            if boundary is not None and len(boundary) <= BOUNDARY:
                this.boundary = boundary
                self._remember_boundaries()
        elif part.message:
            part.parts.append(self._begin(part.body, _PLAIN, envelope=True))

    def _close(self, level: int, end: int) -> None:
        """The open parts from `level` on end here."""
        for this in self._open[level:]:
            this.part.end = end
            this.part.lines = self._lines - this.lines_before
        del self._open[level:]
        self._remember_boundaries()

    def _remember_boundaries(self) -> None:
        full = self.count >= PARTS
        known = () if full else (b for this in self._open if (b := this.boundary) is not None)
        self._boundaries = tuple(known)
        self._longest = max(map(len, self._boundaries), default=0)

    # -- what lies behind us
    def _pass_to(self, at: int) -> None:
        if at <= self._passed:
            return
        self._lines += self._data.count(b"\n", self._passed, at)
        if self._header is not None:
            room = headers.LIMIT - len(self._header)
            self._header += self._data[self._passed : min(at, self._passed + room)]
        elif self._watcher is not None and not self._in_mark:
            part = self._open[-1].part
            if not part.multipart:
                self._watcher.body(part, self._data[self._passed : at])
        self._passed = at


def envelope_fields(header: bytes) -> dict[bytes, bytes]:
    """Those that ENVELOPE names, unfolded, by name in lower case."""
    return _kept(header, _ENVELOPE)


def _kept(header: bytes, names: frozenset[bytes]) -> dict[bytes, bytes]:
    """The first of each name; of addresses all, since each of several fields adds some."""
    found = headers.values(header, names)
    return {name: b", ".join(said) if name in _LISTS else said[0] for name, said in found.items()}
