"""RENAME: a mailbox and all below it get another name.  rfc3501#6.3.5"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import tell_name


@dataclass(frozen=True, slots=True)
class Rename(Command):
    name: ClassVar[str] = "RENAME"
    states: ClassVar[State] = State.LOGGED_IN
    old: str
    new: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        old = arguments.mailbox()
        arguments.space()
        new = arguments.mailbox()
        arguments.end()
        return cls(old, new)

    async def run(self, session: Session) -> Answer:
        await session.account.rename(self.old, self.new)
        await tell_name(session, self.new, renamed=self.old)
        return Answer("RENAME completed")


extension = Extension(name="rename", rfc=3501, commands=(Rename,))
