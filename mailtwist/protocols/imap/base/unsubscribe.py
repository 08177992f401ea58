"""UNSUBSCRIBE: LSUB forgets a name.  rfc3501#6.3.7"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Unsubscribe(Command):
    name: ClassVar[str] = "UNSUBSCRIBE"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.end()
        return cls(mailbox)

    async def run(self, session: Session) -> Answer:
        await session.account.subscribe(self.mailbox, False)
        return Answer("UNSUBSCRIBE completed")


extension = Extension(name="unsubscribe", rfc=3501, commands=(Unsubscribe,))
