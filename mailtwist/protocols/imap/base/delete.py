"""DELETE: a mailbox is gone, with its messages.  rfc3501#6.3.4"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Delete(Command):
    name: ClassVar[str] = "DELETE"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.end()
        return cls(mailbox)

    async def run(self, session: Session) -> Answer:
        await session.account.delete(self.mailbox)
        return Answer("DELETE completed")


extension = Extension(name="delete", rfc=3501, commands=(Delete,))
