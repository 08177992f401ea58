"""CREATE: a new mailbox, with the levels above it.  rfc3501#6.3.3"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.store.api import SEPARATOR


@dataclass(frozen=True, slots=True)
class Create(Command):
    name: ClassVar[str] = "CREATE"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.end()
        return cls(mailbox)

    async def run(self, session: Session) -> Answer:
        # a separator at the end announces mailboxes below
        await session.account.create(self.mailbox.removesuffix(SEPARATOR) or self.mailbox)
        return Answer("CREATE completed")


extension = Extension(name="create", rfc=3501, commands=(Create,))
