"""NOOP: nothing.  rfc5321#4.1.1.9"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Noop(Command):
    name: ClassVar[str] = "NOOP"
    states: ClassVar[State] = State.ANY
    useless: ClassVar[bool] = True
    usage: ClassVar[str] = "NOOP [anything]: nothing happens"

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls()

    async def run(self, session: Session) -> Reply:
        return Reply(250, "2.0.0", "Ok")


extension = Extension(name="noop", rfc=5321, commands=(Noop,))
