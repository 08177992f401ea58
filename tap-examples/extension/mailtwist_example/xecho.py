"""XECHO: the server says what the client said."""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Xecho(Command):
    name: ClassVar[str] = "XECHO"
    states: ClassVar[State] = State.LOGGED_IN
    words: bytes

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        words = arguments.astring()
        arguments.end()
        return cls(words)

    async def run(self, session: Session) -> Answer:
        session.untagged(b"XECHO {%d}\r\n%b" % (len(self.words), self.words))
        return Answer("XECHO completed")


extension = Extension(
    name="xecho", rfc=0, capabilities=("XECHO",), commands=(Xecho,), told_in=State.LOGGED_IN
)
