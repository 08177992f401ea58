"""CREATE: a new mailbox, with the levels above it.  rfc3501#6.3.3 rfc4466#2.2"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import tell_name
from mailtwist.protocols.imap.modifiers import taken
from mailtwist.store.api import SEPARATOR


@dataclass(frozen=True, slots=True)
class Create(Command):
    """`more` are keyword arguments for `Account.create`."""

    name: ClassVar[str] = "CREATE"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        # a separator at the end announces mailboxes below
        mailbox = arguments.mailbox().removesuffix(SEPARATOR)
        more: dict[str, Any] = {}
        if arguments.take(b" "):
            for some in taken(arguments, arguments.dialect.create_parameters):
                more.update(some)
        arguments.end()
        return cls(mailbox, more)

    async def run(self, session: Session) -> Answer:
        await session.account.create(self.mailbox, **self.more)
        await tell_name(session, self.mailbox)
        return Answer("CREATE completed")


extension = Extension(name="create", rfc=3501, commands=(Create,))
