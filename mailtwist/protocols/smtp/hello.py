"""How EHLO, HELO and LHLO begin a session.  rfc5321#4.1.1.1 rfc2033#4.1"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.grammar import client


@dataclass(frozen=True, slots=True)
class Hello(Command):
    """Who the client says it is; what we can do, where it has `extended`.  It is RSET too."""

    states: ClassVar[State] = State.ANY
    useless: ClassVar[bool] = True
    extended: ClassVar[bool] = True
    client: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(client(arguments))

    async def run(self, session: Session) -> Reply:
        await session.forget()
        session.helo, session.extended = self.client, self.extended
        told = session.door.keywords if self.extended else ()
        return Reply(250, text="\n".join([session.door.hostname, *told]))
