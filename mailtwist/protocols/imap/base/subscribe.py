"""SUBSCRIBE: a name for LSUB, whether there is such a mailbox or not.  rfc3501#6.3.6"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    name: ClassVar[str] = "SUBSCRIBE"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.end()
        return cls(mailbox)

    async def run(self, session: Session) -> Answer:
        await session.account.subscribe(self.mailbox, True)
        return Answer("SUBSCRIBE completed")


extension = Extension(name="subscribe", rfc=3501, commands=(Subscribe,))
