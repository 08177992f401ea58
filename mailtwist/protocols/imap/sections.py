"""`BODY[1.2.HEADER.FIELDS (To)]<0.512>`: which octets of a message are meant.  rfc3501#6.4.5"""

import re
from dataclasses import dataclass
from typing import Self

from mailtwist.mail import headers
from mailtwist.mail.structure import Part
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import HIGHEST, Arguments
from mailtwist.protocols.imap.reading import Reading
from mailtwist.protocols.imap.strings import astring

NAMES = 1_000

_SECTION = re.compile(
    rb"(?i)\[(?P<parts>[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*)?(?P<dot>\.)?"
    rb"(?P<text>HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?(?=[\] ])"
)
_PARTIAL = re.compile(rb"<([0-9]{1,10})\.([1-9][0-9]{0,9})>")


@dataclass(frozen=True, slots=True)
class Span:
    """The octets from `start` to `end` of a message."""

    start: int
    end: int


_NOTHING = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Section:
    """`numbers` lead to a part; `text` is what of it is meant: "" for all, "HEADER", "HEADER.FIELDS",
    "HEADER.FIELDS.NOT" (with `names` as they were written), "TEXT", "MIME".  `partial` is (first octet, most
    octets)."""

    numbers: tuple[int, ...] = ()
    text: str = ""
    names: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None

    @classmethod
    def parse(cls, arguments: Arguments) -> Self:
        """From `[` on."""
        found = arguments.match(_SECTION)
        if found is None or not _well_formed(found):
            raise Malformed("Expected a section")
        text = (found["text"] or b"").decode("ascii").upper()
        names: tuple[bytes, ...] = ()
        if text.startswith("HEADER.FIELDS"):
            arguments.space()
            names = tuple(arguments.list_of(arguments.astring, most=NAMES))
        if not arguments.take(b"]"):
            raise Malformed("Expected ]")
        numbers = tuple(map(int, found["parts"].split(b"."))) if found["parts"] else ()
        return cls(numbers, text, names, _partial(arguments))

    def written(self) -> bytes:
        """As the answer repeats it."""
        words = [b"%d" % number for number in self.numbers] + ([self.text.encode()] if self.text else [])
        names = b" (%b)" % b" ".join(map(astring, self.names)) if self.names else b""
        partial = b"" if self.partial is None else b"<%d>" % self.partial[0]
        return b"[%b%b]%b" % (b".".join(words), names, partial)

    async def find(self, reading: Reading) -> Span | bytes:
        """Where it lies in the message, or its octets where they are put together.  What is not there is
        empty."""
        if self.names:
            return self._cut(await self._fields(reading))
        span = await self._span(reading)
        start, end = self.bounds(span.end - span.start)
        return Span(span.start + start, span.start + end)

    @property
    def simple(self) -> bool:
        """Its place is known once the end of the header is."""
        return not (self.numbers or self.names)

    def cut_of(self, octets: bytes) -> bytes:
        """The same as `find`, for a simple one, out of all octets of a message."""
        if not self.text:
            return octets if self.partial is None else self._cut(octets)
        end = headers.end(octets)
        end = len(octets) if end < 0 else end
        return self._cut(octets[end:] if self.text == "TEXT" else octets[:end])

    async def _span(self, reading: Reading) -> Span:
        if self.numbers:
            return self._span_of_part(await reading.structure())
        start = await reading.header_end() if self.text == "TEXT" else 0
        end = await reading.header_end() if self.text == "HEADER" else reading.size
        return Span(start, end)

    def _span_of_part(self, root: Part) -> Span:
        part = find_part(root, self.numbers)
        if part is not None and self.text in ("HEADER", "TEXT"):
            part = part.parts[0] if part.message and part.parts else None
        if part is None:
            return _NOTHING
        in_header = self.text in ("HEADER", "MIME")
        return Span(part.start, part.body) if in_header else Span(part.body, part.end)

    async def _fields(self, reading: Reading) -> bytes:
        if self.numbers:
            where = Section(self.numbers, "HEADER")._span_of_part(await reading.structure())
            if where == _NOTHING:
                return b""
            header = await reading.part_of_header(where.start, where.end)
        else:
            header = await reading.header()
        names = (name.lower() for name in self.names)
        return headers.subset(header, names, without=self.text == "HEADER.FIELDS.NOT")

    def _cut(self, octets: bytes) -> bytes:
        start, end = self.bounds(len(octets))
        return octets[start:end]

    def bounds(self, size: int) -> tuple[int, int]:
        """Where the `partial` of so many octets begins and ends."""
        if self.partial is None:
            return 0, size
        first, most = self.partial
        return min(first, size), min(first + most, size)


def find_part(root: Part, numbers: tuple[int, ...]) -> Part | None:
    """The part that `numbers` lead to.  What is not a multipart has one part, itself, if it is a message, the
    whole one or one in a message/rfc822."""
    holder, message = root, True
    part = None
    for number in numbers:
        if holder.multipart and number <= len(holder.parts):
            part = holder.parts[number - 1]
        elif message and number == 1 and not holder.multipart:
            part = holder
        else:
            return None
        message = part.message and bool(part.parts)
        holder = part.parts[0] if message else part
    return part


def _well_formed(found: re.Match[bytes]) -> bool:
    dot = found["parts"] is not None and found["text"] is not None
    mime = (found["text"] or b"").upper() == b"MIME"
    return (found["dot"] is not None) is dot and (found["parts"] is not None or not mime)


def _partial(arguments: Arguments) -> tuple[int, int] | None:
    found = arguments.match(_PARTIAL)
    if found is None:
        return None
    first, most = int(found[1]), int(found[2])
    if max(first, most) > HIGHEST:
        raise Malformed("Numbers have 32 bits")
    return first, most
