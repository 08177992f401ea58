"""STATUS: what is in a mailbox, without opening it.  rfc3501#6.3.10"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.mailbox_name import quoted

_ITEMS = {
    "MESSAGES": "messages",
    "RECENT": "recent",
    "UIDNEXT": "uid_next",
    "UIDVALIDITY": "uid_validity",
    "UNSEEN": "unseen",
}


@dataclass(frozen=True, slots=True)
class Status(Command):
    name: ClassVar[str] = "STATUS"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str
    items: tuple[str, ...]

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.space()
        items = [item.upper() for item in arguments.list_of(arguments.atom)]
        arguments.end()
        if not all(item in _ITEMS for item in items):
            raise Malformed("Unknown STATUS item")
        return cls(mailbox, tuple(dict.fromkeys(items)))

    async def run(self, session: Session) -> Answer:
        status = await session.account.status(self.mailbox)
        words = " ".join(f"{item} {getattr(status, _ITEMS[item])}" for item in self.items)
        session.untagged(b"STATUS %b (%b)" % (quoted(self.mailbox), words.encode("ascii")))
        return Answer("STATUS completed")


extension = Extension(name="status", rfc=3501, commands=(Status,))
