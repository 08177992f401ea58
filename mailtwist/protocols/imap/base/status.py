"""STATUS: what is in a mailbox, without opening it.  rfc3501#6.3.10 rfc9051#6.3.11"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.status_items import StatusItem, answer, asked, number


@dataclass(frozen=True, slots=True)
class Status(Command):
    name: ClassVar[str] = "STATUS"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str
    items: tuple[StatusItem, ...]

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.space()
        items = asked(arguments)
        arguments.end()
        return cls(mailbox, items)

    async def run(self, session: Session) -> Answer:
        status = await session.account.status(self.mailbox)
        session.untagged(answer(session, self.mailbox, self.items, status))
        return Answer("STATUS completed")


ITEMS = (
    number("MESSAGES", lambda status: status.messages),
    number("RECENT", lambda status: status.recent),
    number("UIDNEXT", lambda status: status.uid_next),
    number("UIDVALIDITY", lambda status: status.uid_validity),
    number("UNSEEN", lambda status: status.unseen),
)

extension = Extension(name="status", rfc=3501, commands=(Status,), status_items=ITEMS)
