"""STORE: flags of messages are changed.  rfc3501#6.4.6"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.flags import Flags
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import FLAGS, Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.message_set import MessageSet
from mailtwist.store.api import Entry, FlagChange

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

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        messages = arguments.message_set()
        arguments.space()
        how = arguments.match(_HOW)
        if how is None:
            raise Malformed("Expected FLAGS, +FLAGS or -FLAGS")
        arguments.space()
        flags = arguments.flag_list() if arguments.peek(b"(") else _bare_flags(arguments)
        arguments.end()
        return cls(messages, _CHANGES[how[1]], flags, how[2] is not None, by_uid)

    async def run(self, session: Session) -> Answer:
        selected = session.selected
        mailbox = selected.writable()
        wanted = selected.wanted(self.messages, by_uid=self.by_uid)
        await session.tell_changes(expunged=False)  # so that what others changed is told even if SILENT
        entries = await mailbox.change_flags(wanted.uids, self.how, self.flags)
        for words in selected.new_keywords():
            session.untagged(words)
        selected.flags_told(entries)
        if not self.silent:
            await self._tell(session, entries)
        return Answer("STORE completed", code="" if len(entries) == len(wanted) else "EXPUNGEISSUED")

    async def _tell(self, session: Session, entries: Sequence[Entry]) -> None:
        selected = session.selected
        for entry in entries:
            number = selected.number(entry.uid)
            uid = b" UID %d" % entry.uid if self.by_uid else b""
            if number is not None:
                session.untagged(b"%d FETCH (FLAGS %b%b)" % (number, selected.flags(entry), uid))
            await session.drained()


def _bare_flags(arguments: Arguments) -> Flags:
    found = {arguments.flag()}
    while arguments.take(b" "):
        found.add(arguments.flag())
        if len(found) > FLAGS:
            raise Malformed("Too many flags")
    return frozenset(found)


extension = Extension(name="store", rfc=3501, commands=(Store,))
