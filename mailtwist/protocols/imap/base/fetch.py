"""FETCH: what the client wants to know of messages, and the messages themselves.  rfc3501#6.4.5"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Self

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import SEEN
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.fetch_items import ITEMS, UID, Item, Listed, Read, item
from mailtwist.protocols.imap.fetched import Answers, Wanted, by_uid
from mailtwist.protocols.imap.message_set import MessageSet
from mailtwist.protocols.imap.modifiers import Choice, taken
from mailtwist.store.api import Entry

NOT_MARKED = Event("imap.not_marked", "Messages were read but could not be marked so: {why}", "warn")

AT_ONCE = 1_000
"""Messages that are answered without looking up, where none of them is opened."""

MARKED_TOGETHER = 1024 * 1024, 250
"""Octets and number of messages that become \\Seen in one step, before they are sent."""

_MACRO = re.compile(rb"(?i)(ALL|FAST|FULL)\Z")
_MACROS = {
    b"FAST": b"(FLAGS INTERNALDATE RFC822.SIZE)",
    b"ALL": b"(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)",
    b"FULL": b"(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)",
}


@dataclass(frozen=True, slots=True)
class Fetch(Command):
    name: ClassVar[str] = "FETCH"
    states: ClassVar[State] = State.SELECTED
    takes_uid: ClassVar[bool] = True
    by_numbers: ClassVar[bool] = True
    messages: MessageSet
    items: tuple[Item, ...]
    by_uid: bool
    choices: tuple[Choice, ...] = ()

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        messages = arguments.message_set()
        arguments.space()
        items = _items(arguments)
        choices = taken(arguments, arguments.dialect.fetch_modifiers) if arguments.take(b" ") else []
        arguments.end()
        if by_uid:
            items = [UID, *items]
        items += [one for choice in choices for one in choice.items]
        different: dict[bytes, Item] = {}
        for one in items:
            if one.label not in different or (isinstance(one, Read) and one.sees):
                different[one.label] = one
        return cls(messages, tuple(different.values()), by_uid, tuple(choices))

    async def run(self, session: Session) -> Answer:
        listed = [one for one in self.items if isinstance(one, Listed)]
        for one in listed:
            if one.begin is not None:
                one.begin(session)
        wanted: Wanted = session.selected.wanted(self.messages, by_uid=self.by_uid)
        for choice in self.choices:
            wanted = await choice.choose(session, wanted)
        if len(listed) == len(self.items):
            answered = await _list(session, wanted, listed)
        else:
            answered = await self._open(session, wanted)
        gone = answered < len(wanted) and not self.by_uid
        return Answer("FETCH completed", code="EXPUNGEISSUED" if gone else "")

    async def _open(self, session: Session, wanted: Wanted) -> int:
        """How many were still there."""
        selected, answers, answered = session.selected, Answers(session, self.items), 0
        reads = [one for one in self.items if isinstance(one, Read)]
        if all(one.fact for one in reads):
            answered, wanted = await answers.out_of_facts(wanted)
        sees = any(one.sees for one in reads) and not selected.read_only
        for batch in _batches(selected, wanted, MARKED_TOGETHER[0] if sees else inf):
            marked = await _mark(selected, batch) if sees else {}
            answered += await _answered(selected, answers, batch, marked)
            answers.lesson.told(selected.mailbox)
        return answered


async def _answered(selected: Selected, answers: Answers, batch: Wanted, marked: Mapping[int, Entry]) -> int:
    answered = 0
    while batch:
        opened = await selected.mailbox.open_some([uid for _, uid in batch])
        try:
            answered += await answers.of(batch[: len(opened)], opened, marked)
        finally:
            for content in filter(None, opened):
                content.close()
        batch = batch[len(opened) :]
    return answered


def _items(arguments: Arguments) -> list[Item]:
    macro = arguments.match(_MACRO)
    if macro is not None:
        arguments = Arguments(_MACROS[macro[0].upper()], dialect=arguments.dialect)
    if arguments.peek(b"("):
        return arguments.list_of(lambda: item(arguments), most=1_000)
    return [item(arguments)]


async def _list(session: Session, wanted: Wanted, items: Sequence[Listed]) -> int:
    """How many were still there; nothing of them is opened."""
    selected, answered = session.selected, 0
    entries = by_uid(selected, wanted)
    for start in range(0, len(wanted), AT_ONCE):
        lines = list(_lines(selected, wanted[start : start + AT_ONCE], entries, items))
        answered += len(lines)
        session.write(b"".join(lines))
        await session.drained()
        if start:
            await session.breathe()
    return answered


def _lines(
    selected: Selected, wanted: Wanted, entries: Mapping[int, Entry], items: Sequence[Listed]
) -> Iterator[bytes]:
    questions = [(one.label, one.words) for one in items]
    for number, uid in wanted:
        entry = entries.get(uid)
        if entry is not None:
            answers = b" ".join([b"%b %b" % (label, words(selected, entry)) for label, words in questions])
            yield b"* %d FETCH (%b)\r\n" % (number, answers)


def _batches(selected: Selected, wanted: Wanted, most: float) -> Iterator[Wanted]:
    """Messages that become \\Seen together: few enough that a client which leaves has been sent most.  A
    batch ends with the message that brings it to `most` octets."""
    batch: list[tuple[int, int]] = []
    size = 0
    for number, uid in wanted:
        entry = selected.entry(uid)
        size += 0 if entry is None else entry.size
        batch.append((number, uid))
        if size >= most or len(batch) == MARKED_TOGETHER[1]:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _mark(selected: Selected, batch: Wanted) -> Mapping[int, Entry]:
    """By UID those that were not \\Seen and are now.  A full disk does not keep anybody from reading."""
    entries = [entry for _, uid in batch if (entry := selected.entry(uid)) is not None]
    unseen = [entry.uid for entry in entries if SEEN not in entry.flags]
    if not unseen:
        return {}
    try:
        changed = await selected.mailbox.change_flags(unseen, "add", frozenset([SEEN]))
    except Trouble as why:
        NOT_MARKED.log(why=str(why))
        return {}
    return {entry.uid: entry for entry in changed}


extension = Extension(name="fetch", rfc=3501, commands=(Fetch,), fetch_items=ITEMS)
