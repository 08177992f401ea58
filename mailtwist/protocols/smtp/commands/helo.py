"""HELO: who the client says it is, as before there were extensions.  rfc5321#4.1.1.1"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import client


@dataclass(frozen=True, slots=True)
class Helo(Command):
    name: ClassVar[str] = "HELO"
    states: ClassVar[State] = State.ANY
    client: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(client(arguments))

    async def run(self, session: Session) -> Reply:
        session.helo, session.extended, session.mail = self.client, False, None
        return Reply(250, text=session.door.hostname)


extension = Extension(name="helo", rfc=5321, commands=(Helo,))
