"""HELP: which commands there are.  rfc5321#4.1.1.8"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Help(Command):
    name: ClassVar[str] = "HELP"
    states: ClassVar[State] = State.ANY

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls()

    async def run(self, session: Session) -> Reply:
        return Reply(214, "2.0.0", " ".join(sorted(session.door.dialect.commands)))


extension = Extension(name="help", rfc=5321, commands=(Help,))
