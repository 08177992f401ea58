"""BINARY: parts of messages without their transfer encoding.  rfc3516 rfc9051#6.4.5"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from mailtwist.mail import transfer
from mailtwist.mail.structure import BLOCK
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.append_data import AppendData
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import No, State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.fetch_items import FetchItem, Item, Pieces, Read
from mailtwist.protocols.imap.reading import Reading
from mailtwist.protocols.imap.sections import Section, Span, find_part

DEEP, WIDE = 2, 20
"""Parts whose sizes are kept with the store; others are rare, and there is no end to them."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A part without its encoding, in the same blocks each time."""

    reading: Reading
    span: Span
    encoding: bytes

    async def blocks(self) -> AsyncIterator[bytes]:
        decode = transfer.decode(self.encoding)
        for start in range(self.span.start, self.span.end, BLOCK):
            yield decode(await self.reading.octets(start, min(start + BLOCK, self.span.end)))
        yield decode(b"")

    async def measured(self) -> "Measure":
        """Worked out once for a FETCH."""
        known: Measure | None = self.reading.worked_out.get(self.span)
        if known is None:
            known = self.reading.worked_out[self.span] = await self._measure()
        return known

    async def _measure(self) -> "Measure":
        size, nul = 0, False
        async for block in self.blocks():
            size += len(block)
            nul = nul or b"\0" in block
        return Measure(size, nul)


@dataclass(frozen=True, slots=True)
class Measure:
    """So many octets, with a NUL among them or not."""

    size: int
    nul: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Octets `start` to `end` of a decoded part, made as they are sent."""

    decoded: Decoded
    start: int
    end: int

    async def blocks(self) -> AsyncIterator[bytes]:
        at = 0
        async for block in self.decoded.blocks():
            if wanted := block[max(0, self.start - at) : max(0, self.end - at)]:
                yield wanted
            at += len(block)
            if at >= self.end:
                break


async def _decoded(reading: Reading, section: Section) -> Decoded:
    """What is not there is empty; what holds others is never encoded (rfc2045#6.4)."""
    if not section.numbers:
        return Decoded(reading, Span(0, reading.size), b"binary")
    part = find_part(await reading.structure(), section.numbers)
    if part is None:
        return Decoded(reading, Span(0, 0), b"binary")
    encoding = b"binary" if part.multipart or part.message else part.encoding
    if not transfer.known(encoding):
        raise No("The encoding of the part is not known here", "UNKNOWN-CTE")
    return Decoded(reading, Span(part.body, part.end), encoding)


def _content(section: Section, *, sees: bool) -> Item:
    async def answer(reading: Reading) -> Pieces:
        decoded = await _decoded(reading, section)
        measure = await decoded.measured()
        start, end = section.bounds(measure.size)
        kind = b"~{%d}\r\n" if measure.nul else b"{%d}\r\n"  # NULs are for literal8 (rfc3516#4.2)
        if transfer.none_needed(decoded.encoding):
            return [kind % (end - start), Span(decoded.span.start + start, decoded.span.start + end)]
        return [kind % (end - start), Stretch(decoded, start, end)]

    return Read(b"BINARY" + section.written(), answer, sees)


def _size(section: Section) -> Item:
    async def answer(reading: Reading) -> Pieces:
        decoded = await _decoded(reading, section)
        if transfer.none_needed(decoded.encoding):
            return [b"%d" % (decoded.span.end - decoded.span.start)]
        return [b"%d" % (await decoded.measured()).size]

    common = 1 <= len(section.numbers) <= DEEP and max(section.numbers) <= WIDE
    written = section.written()
    return Read(b"BINARY.SIZE" + written, answer, fact=f"binary.size.1{written.decode()}" if common else "")


def _section(arguments: Arguments) -> Section:
    section = Section.parse(arguments)
    if section.text:
        raise Malformed("BINARY takes the number of a part")
    return section


def _parse_size(arguments: Arguments) -> Item:
    section = _section(arguments)
    if section.partial is not None:
        raise Malformed("A size is that of the whole part")
    return _size(section)


ITEMS = (
    FetchItem("BINARY", lambda arguments: _content(_section(arguments), sees=True)),
    FetchItem("BINARY.PEEK", lambda arguments: _content(_section(arguments), sees=False)),
    FetchItem("BINARY.SIZE", _parse_size),
)

extension = Extension(
    name="binary",
    rfc=3516,
    capabilities=("BINARY",),
    told_in=State.LOGGED_IN,
    append_data=(AppendData("LITERAL8", before=b"~"),),
    fetch_items=ITEMS,
)
