"""STORE: flags of messages are changed.  rfc3501#6.4.6 rfc7162#3.1.3"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.flags import Flags, different
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import FLAGS, Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.message_set import MessageSet, written
from mailtwist.protocols.imap.mod_sequences import needed
from mailtwist.protocols.imap.modifiers import Wanted, taken
from mailtwist.store.api import Entry, FlagChange

AT_A_STRETCH = 500
"""Messages that are told of before other connections have their turn."""

_HOW = re.compile(rb"(?i)([+-]?)FLAGS(\.SILENT)?(?= )")
_CHANGES: dict[bytes, FlagChange] = {b"+": "add", b"-": "remove", b"": "replace"}


@dataclass(frozen=True, slots=True)
class Store(Command):
    name: ClassVar[str] = "STORE"
    states: ClassVar[State] = State.SELECTED
    takes_uid: ClassVar[bool] = True
    by_numbers: ClassVar[bool] = True
    messages: MessageSet
    how: FlagChange
    flags: Flags
    silent: bool
    by_uid: bool
    unchanged_since: int | None = None

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        messages = arguments.message_set()
        arguments.space()
        conditions = taken(arguments, arguments.dialect.store_modifiers)
        if conditions:
            arguments.space()
        how = arguments.match(_HOW)
        if how is None:
            raise Malformed("Expected FLAGS, +FLAGS or -FLAGS")
        arguments.space()
        flags = arguments.flag_list() if arguments.peek(b"(") else _bare_flags(arguments)
        arguments.end()
        since = [one.unchanged_since for one in conditions if one.unchanged_since is not None]
        silent = how[2] is not None
        return cls(messages, _CHANGES[how[1]], flags, silent, by_uid, min(since, default=None))

    async def run(self, session: Session) -> Answer:
        selected = session.selected
        mailbox = selected.writable()
        if self.unchanged_since is not None:
            needed(session)
        wanted = selected.wanted(self.messages, by_uid=self.by_uid)
        await session.tell_changes(expunged=False)  # so that what others changed is told even if SILENT
        entries = await mailbox.change_flags(wanted.uids, self.how, self.flags, self.unchanged_since)
        for words in selected.new_keywords():
            session.untagged(words)
        selected.flags_told(entries)
        if not self.silent or selected.tells_modseq:
            await self._tell(session, entries)
        return Answer("STORE completed", code=self._code(session, wanted, entries))

    async def _tell(self, session: Session, entries: Sequence[Entry]) -> None:
        selected = session.selected
        for done, entry in enumerate(entries, 1):
            number = selected.number(entry.uid)
            if number is not None:
                session.untagged(selected.changed_line(number, entry, flags=not self.silent, uid=self.by_uid))
            await session.drained()
            if done % AT_A_STRETCH == 0:
                await session.breathe()

    def _code(self, session: Session, wanted: Wanted, entries: Sequence[Entry]) -> str:
        """Those that others changed first (rfc7162#3.1.3), else whether some are gone."""
        if len(entries) == len(wanted):
            return ""
        stored = {entry.uid for entry in entries}
        left = [one for one in wanted if one[1] not in stored and session.selected.entry(one[1]) is not None]
        if not left:
            return "EXPUNGEISSUED"
        numbers = written(uid if self.by_uid else number for number, uid in left)
        return f"MODIFIED {numbers.decode('ascii')}"


def _bare_flags(arguments: Arguments) -> Flags:
    found = [arguments.flag()]
    while arguments.take(b" "):
        found.append(arguments.flag())
        if len(found) > FLAGS:
            raise Malformed("Too many flags")
    return different(found)


extension = Extension(name="store", rfc=3501, commands=(Store,))
