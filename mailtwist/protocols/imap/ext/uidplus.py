"""UIDPLUS: UID EXPUNGE; APPEND and COPY tell the new UIDs in any case.  rfc4315"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.message_set import MessageSet
from mailtwist.protocols.imap.mod_sequences import after


@dataclass(frozen=True, slots=True)
class UidExpunge(Command):
    name: ClassVar[str] = "UID EXPUNGE"
    states: ClassVar[State] = State.SELECTED
    messages: MessageSet

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        messages = arguments.message_set()
        arguments.end()
        return cls(messages)

    async def run(self, session: Session) -> Answer:
        mailbox = session.selected.writable()
        wanted = session.selected.wanted(self.messages, by_uid=True)
        gone = await mailbox.expunge(wanted.uids)
        return Answer("UID EXPUNGE completed", code=after(session) if gone else "")


extension = Extension(
    name="uidplus", rfc=4315, capabilities=("UIDPLUS",), commands=(UidExpunge,), told_in=State.LOGGED_IN
)
