"""EHLO: who the client says it is, and what we can do.  rfc5321#4.1.1.1"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import client


@dataclass(frozen=True, slots=True)
class Ehlo(Command):
    name: ClassVar[str] = "EHLO"
    states: ClassVar[State] = State.ANY
    client: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(client(arguments))

    async def run(self, session: Session) -> Reply:
        session.helo, session.extended, session.mail = self.client, True, None
        return Reply(250, text="\n".join([session.door.hostname, *session.door.keywords]))


extension = Extension(name="ehlo", rfc=5321, commands=(Ehlo,))
