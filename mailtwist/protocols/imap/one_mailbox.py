"""What commands have in common that want the name of a mailbox and nothing else.  rfc3501#6.3"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Command, State


@dataclass(frozen=True, slots=True)
class OneMailbox(Command):
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.end()
        return cls(mailbox)
