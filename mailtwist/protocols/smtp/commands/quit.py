"""QUIT: the end.  rfc5321#4.1.1.10"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Quit(Command):
    name: ClassVar[str] = "QUIT"
    states: ClassVar[State] = State.ANY
    usage: ClassVar[str] = "QUIT: goodbye"

    async def run(self, session: Session) -> Reply:
        return Reply(221, "2.0.0", "Goodbye", last=True)


extension = Extension(name="quit", rfc=5321, commands=(Quit,))
