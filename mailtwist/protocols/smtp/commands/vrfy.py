"""VRFY: whether a user exists, which we do not tell.  rfc5321#3.5.3 rfc5321#7.3"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Vrfy(Command):
    name: ClassVar[str] = "VRFY"
    states: ClassVar[State] = State.ANY

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        if not arguments:
            raise Malformed("Expected a name")
        return cls()

    async def run(self, session: Session) -> Reply:
        return Reply(252, "2.0.0", "Cannot say, but will take mail and try to deliver it")


extension = Extension(name="vrfy", rfc=5321, commands=(Vrfy,))
