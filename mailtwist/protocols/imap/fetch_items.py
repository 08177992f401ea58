"""What FETCH can be asked for: the rows of its table.  rfc3501#6.4.5 rfc3501#7.4.2"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.body_structure import body
from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.envelope import of_header
from mailtwist.protocols.imap.reading import Reading
from mailtwist.protocols.imap.sections import Section, Span
from mailtwist.store.api import Entry

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session


class Flow(Protocol):
    """Octets that are made as they are sent."""

    def blocks(self) -> AsyncIterator[bytes]: ...


Pieces = list[bytes | Span | Flow]
"""An answer: octets as they are, octets of the message, sent as they are read, and octets made of it."""

HARDER = 16
"""Writing an octet of a structure is so much more work than reading one."""

_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.\-]*")
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # the years 1 to 9999
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Listed:
    """Something that is known of a message without opening it.  `label` stands before the answer.  `begin`
    is called before the first answer of a FETCH that asks for it."""

    label: bytes
    words: Callable[[Selected, Entry], bytes]
    begin: "Callable[[Session], None] | None" = None


@dataclass(frozen=True, slots=True)
class Read:
    """Something for which the message is opened.  `sees`: the message is \\Seen from then on.  `at_once`: the
    same answer, out of the octets of a message that is in memory, where that is no work.  `fact`: under this
    name, which has a version, the store keeps the answer, which is the same for ever (`Mailbox.known`)."""

    label: bytes
    answer: Callable[[Reading], Awaitable[Pieces]]
    sees: bool = False
    at_once: Callable[[bytes], Sequence[bytes]] | None = None
    fact: str = ""


Item = Listed | Read


@dataclass(frozen=True, slots=True)
class FetchItem:
    """A row of the table.  `name` is upper case; `parse` takes what follows it in the command."""

    name: str
    parse: Callable[[Arguments], Item]


def item(arguments: Arguments) -> Item:
    """One item, by the table of the session's dialect."""
    found = arguments.match(_NAME)
    name = "" if found is None else found[0].decode("ascii").upper()
    row: FetchItem | None = arguments.dialect.fetch_items.get(name)
    if row is None:
        raise Malformed("There is no such item to fetch")
    return row.parse(arguments)


def known(name: str, words: Callable[[Selected, Entry], bytes]) -> FetchItem:
    """A row for what needs no message."""
    made = Listed(name.encode("ascii"), words)
    return FetchItem(name, lambda arguments: made)


def literal(found: Span | bytes) -> Pieces:
    size = len(found) if isinstance(found, bytes) else found.end - found.start
    return [b"{%d}\r\n" % size, found]


async def _envelope(reading: Reading) -> Pieces:
    return await _in_pieces(reading, of_header(await reading.header()))


async def _body(reading: Reading) -> Pieces:
    return await _bodies(reading, extended=False)


async def _body_structure(reading: Reading) -> Pieces:
    return await _bodies(reading, extended=True)


async def _bodies(reading: Reading, *, extended: bool) -> Pieces:
    return await _in_pieces(reading, body(await reading.structure(), extended=extended))


async def _in_pieces(reading: Reading, made: Iterator[bytes]) -> Pieces:
    pieces: Pieces = []
    for piece in made:
        pieces.append(piece)
        await reading.pace.went(HARDER * len(piece))
    return pieces


def _section(label: bytes, section: Section, *, sees: bool) -> Read:
    async def answer(reading: Reading) -> Pieces:
        return literal(await section.find(reading))

    def at_once(octets: bytes) -> Sequence[bytes]:
        found = section.cut_of(octets)
        return b"{%d}\r\n" % len(found), found

    return Read(label, answer, sees, at_once if section.simple else None)


def _parse_body(arguments: Arguments) -> Item:
    if not arguments.peek(b"["):
        return Read(b"BODY", _body, fact="body.1")
    section = Section.parse(arguments)
    return _section(b"BODY" + section.written(), section, sees=True)


def _parse_peek(arguments: Arguments) -> Item:
    section = Section.parse(arguments)
    return _section(b"BODY" + section.written(), section, sees=False)


def _read(name: str, answer: Callable[[Reading], Awaitable[Pieces]], fact: str) -> FetchItem:
    made = Read(name.encode("ascii"), answer, fact=fact)
    return FetchItem(name, lambda arguments: made)


def _whole(name: str, text: str, *, sees: bool) -> FetchItem:
    """What IMAP2 had instead of sections."""
    made = _section(name.encode("ascii"), Section(text=text), sees=sees)
    return FetchItem(name, lambda arguments: made)


def _uid(selected: Selected, entry: Entry) -> bytes:
    return b"%d" % entry.uid


def _size(selected: Selected, entry: Entry) -> bytes:
    return b"%d" % entry.size


def _internal_date(selected: Selected, entry: Entry) -> bytes:
    return _date_time(int(entry.received), entry.zone)


@lru_cache(maxsize=1024)
def _date_time(received: int, zone: int) -> bytes:
    """rfc3501#9.  What no calendar has becomes the nearest that one has, and a zone of a day or more UTC."""
    zone = zone if abs(zone) < 24 * 60 else 0
    when = _EPOCH + timedelta(seconds=min(max(received + zone * 60, _FIRST), _LAST))
    day = f"{when.day:2}-{_MONTHS[when.month - 1]}-{when.year:04}"
    east = f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}{abs(zone) % 60:02}"
    return f'"{day} {when:%H:%M:%S} {east}"'.encode("ascii")


def _modseq(selected: Selected, entry: Entry) -> bytes:
    return b"(%d)" % entry.modseq


UID = Listed(b"UID", _uid)
FLAGS = Listed(b"FLAGS", Selected.flags)
MODSEQ = Listed(b"MODSEQ", _modseq)


def unasked(selected: Selected) -> tuple[Listed, ...]:
    """What is told of a message that has become \\Seen (rfc7162#3.2.4, rfc9051#7.5.2)."""
    uid = (UID,) if selected.tells_uid else ()
    return (*uid, FLAGS, MODSEQ) if selected.tells_modseq else (*uid, FLAGS)


ITEMS = (
    FetchItem("UID", lambda arguments: UID),
    FetchItem("FLAGS", lambda arguments: FLAGS),
    known("INTERNALDATE", _internal_date),
    known("RFC822.SIZE", _size),
    _read("ENVELOPE", _envelope, "envelope.1"),
    _read("BODYSTRUCTURE", _body_structure, "bodystructure.1"),
    FetchItem("BODY", _parse_body),
    FetchItem("BODY.PEEK", _parse_peek),
    _whole("RFC822", "", sees=True),
    _whole("RFC822.HEADER", "HEADER", sees=False),
    _whole("RFC822.TEXT", "TEXT", sees=True),
)
