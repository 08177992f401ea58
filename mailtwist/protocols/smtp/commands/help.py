"""HELP: which commands there are, and how one of them is said.  rfc5321#4.1.1.8"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Help(Command):
    name: ClassVar[str] = "HELP"
    states: ClassVar[State] = State.ANY
    useless: ClassVar[bool] = True
    usage: ClassVar[str] = "HELP [command]: how it is said"
    about: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(arguments.decode("ascii", "replace").upper())

    async def run(self, session: Session) -> Reply:
        commands = session.door.dialect.commands
        if not self.about:
            return Reply(214, "2.0.0", " ".join(sorted(commands)))
        kind = commands.get(self.about)
        if kind is None:
            return Reply(504, "5.5.4", "There is no such command")
        return Reply(214, "2.0.0", kind.usage or kind.name)


extension = Extension(name="help", rfc=5321, commands=(Help,))
