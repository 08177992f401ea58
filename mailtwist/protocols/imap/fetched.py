"""FETCH answers: out of what is known, out of messages in memory, or as a message is read.  rfc3501#7.4.2"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from mailtwist.kit.spawn import spawn
from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.fetch_items import Flow, Item, Listed, Pieces, Read, unasked
from mailtwist.protocols.imap.reading import EACH, SENT, Pace, Reading
from mailtwist.protocols.imap.sections import Span
from mailtwist.store.api import Content, Entry
from mailtwist.store.content import Octets
from mailtwist.store.facts import room_for

Wanted = Sequence[tuple[int, int]]
"""(number, UID)"""

ASKED_TOGETHER = 1_000
"""Messages whose facts are asked for at a time."""

ENOUGH = 64 * 1024
"""Octets that are written before anybody looks whether the client has read them."""

OF_FILE = 1024 * 1024
"""Octets of a message's file that are in memory together before the kernel sends them."""

EASY = 8
"""An octet that is only handed on costs so much less than one that is looked at."""

FEW = 8
"""Items that one message is asked for without a look at the clock."""


class Learning(Protocol):
    """Where facts are kept: a mailbox of a store."""

    async def known(self, what: str, uids: Sequence[int]) -> Mapping[int, bytes]: ...

    async def learn(self, what: str, facts: Mapping[int, bytes]) -> None: ...


class Lesson:
    """What was worked out of messages and is to be kept."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[int, bytes]] = {}

    def add(self, what: str, entry: Entry, pieces: Pieces) -> None:
        fact = b"".join(piece for piece in pieces if isinstance(piece, bytes))
        if len(fact) <= room_for(entry.size):
            self._facts.setdefault(what, {})[entry.uid] = fact

    def told(self, mailbox: Learning) -> None:
        """The mailbox learns it; nobody waits for that."""
        facts, self._facts = self._facts, {}
        for what, some in facts.items():
            spawn(mailbox.learn(what, some), "keeping what was worked out of messages")


class Answers:
    """Of one command; `items` are what it asks for."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self.items = tuple(items)
        self.lesson = Lesson()
        self._session = session
        self._selected = session.selected
        self._pace = Pace(session.breathe)
        self._labelled = _labelled(self.items)
        asked = {one.label for one in self.items}
        extra = [one for one in unasked(self._selected) if one.label not in asked]
        self._and_unasked = self._labelled + _labelled(extra, first=False)
        at_once = all(isinstance(one, Listed) or one.at_once is not None for one in self.items)
        self._easy = at_once and len(self.items) <= FEW

    async def out_of_facts(self, wanted: Wanted) -> tuple[int, Wanted]:
        """How many could be answered without opening them, and the others."""
        answered, others = 0, []
        for start in range(0, len(wanted), ASKED_TOGETHER):
            some = wanted[start : start + ASKED_TOGETHER]
            facts = await self._facts([uid for _, uid in some])
            for number, uid in some:
                entry = self._selected.entry(uid) if all(uid in known for known in facts.values()) else None
                if entry is None:
                    others.append((number, uid))
                    continue
                self._write(number, entry, {label: known[uid] for label, known in facts.items()})
                answered += 1
            await self._session.drained()
            if start:
                await self._session.breathe()
        return answered, others

    async def _facts(self, uids: Sequence[int]) -> Mapping[bytes, Mapping[int, bytes]]:
        mailbox = self._selected.mailbox
        reads = [one for one in self.items if isinstance(one, Read)]
        return {one.label: await mailbox.known(one.fact, uids) for one in reads}

    def _write(self, number: int, entry: Entry, facts: Mapping[bytes, bytes]) -> None:
        line = [b"* %d FETCH (" % number]
        for label, item in self._labelled:
            known = item.words(self._selected, entry) if isinstance(item, Listed) else facts[item.label]
            line += (label, known)
        line.append(b")\r\n")
        self._session.write(b"".join(line))

    async def of(self, wanted: Wanted, opened: Sequence[Content | None], marked: Mapping[int, Entry]) -> int:
        """How many of these, opened, were still there.  Those that are `marked` have become \\Seen."""
        told: list[int] = []
        try:
            return await self._of(wanted, opened, marked, told)
        finally:  # of those that could not be read the client hears another time
            self._selected.flags_told([marked[uid] for uid in told if uid in marked])

    async def _of(
        self, wanted: Wanted, opened: Sequence[Content | None], marked: Collection[int], told: list[int]
    ) -> int:
        answered, size = 0, 0
        entries = by_uid(self._selected, wanted)
        for (number, uid), content in zip(wanted, opened, strict=False):
            entry = entries.get(uid)
            if content is None or entry is None:
                continue
            answered += 1
            labelled = self._and_unasked if uid in marked else self._labelled
            if self._easy and isinstance(content, Octets):
                size += self._hand_on(number, entry, content.octets, labelled)
                if size >= ENOUGH:
                    await self._pace.went(size // EASY)
                    size = 0
            else:
                await self._read(number, entry, content, labelled)
            told.append(uid)
            if size == 0:
                await self._session.drained()
        await self._session.drained()
        return answered

    async def _read(self, number: int, entry: Entry, content: Content, labelled: "Labelled") -> None:
        reading = Reading(entry.uid, content, self._selected.structures, self._pace)
        pieces = await self._pieces(entry, labelled, reading)
        await _send(self._session, [b"* %d FETCH (" % number, *pieces, b")\r\n"], reading)

    def _hand_on(self, number: int, entry: Entry, octets: bytes, labelled: "Labelled") -> int:
        line = [b"* %d FETCH (" % number]
        for label, item in labelled:
            line.append(label)
            if isinstance(item, Listed):
                line.append(item.words(self._selected, entry))
            elif item.at_once is not None:
                line += item.at_once(octets)
        line.append(b")\r\n")
        answer = b"".join(line)
        self._session.write(answer)
        return len(answer) + EACH

    async def _pieces(self, entry: Entry, labelled: "Labelled", reading: Reading) -> Pieces:
        pieces: Pieces = []
        for label, item in labelled:
            pieces.append(label)
            if isinstance(item, Listed):
                pieces.append(item.words(self._selected, entry))
                continue
            found = await item.answer(reading)
            await self._pace.went(EACH)
            pieces += found
            if item.fact:
                self.lesson.add(item.fact, entry, found)
        return pieces


Labelled = tuple[tuple[bytes, Item], ...]
"""What stands before the words of each item, and the item."""


def _labelled(items: Sequence[Item], *, first: bool = True) -> Labelled:
    return tuple(
        (b"%b%b " % (b"" if first and not place else b" ", one.label), one) for place, one in enumerate(items)
    )


def by_uid(selected: Selected, wanted: Wanted) -> Mapping[int, Entry]:
    """Those of `wanted` that are there."""
    if len(wanted) * 8 < selected.exists:
        found = ((uid, selected.entry(uid)) for _, uid in wanted)
        return {uid: entry for uid, entry in found if entry is not None}
    return {entry.uid: entry for entry in selected.mailbox.entries()}


async def _send(session: Session, pieces: Pieces, reading: Reading) -> None:
    for piece in pieces:
        if isinstance(piece, bytes):
            session.write(piece)
            continue
        try:
            async for block in _blocks(await _rest(session, piece, reading), reading):
                session.write(block)
                await session.drained()
        except Exception:
            session.cut()  # a literal that was begun cannot be taken back
            raise


async def _rest(session: Session, piece: Span | Flow, reading: Reading) -> Span | Flow:
    """What of `piece` the kernel has not sent out of the message's file."""
    if not (isinstance(piece, Span) and piece.end - piece.start >= ENOUGH and session.takes_files):
        return piece
    start, end = piece.start, piece.end
    while start < end:
        count = min(end - start, OF_FILE)
        file = await reading.in_file(start, count)
        if file is None:
            break
        if await session.send_file(file, start, count):
            raise reading.too_short(start + count)
        start += count
        await reading.pace.went(EACH + count // EASY)
    return Span(start, end)


def _blocks(piece: Span | Flow, reading: Reading) -> AsyncIterator[bytes]:
    return reading.blocks(piece.start, piece.end, SENT) if isinstance(piece, Span) else piece.blocks()
