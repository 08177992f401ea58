"""RSET: the mail under way is forgotten.  rfc5321#4.1.1.5"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Rset(Command):
    name: ClassVar[str] = "RSET"
    states: ClassVar[State] = State.ANY
    useless: ClassVar[bool] = True
    usage: ClassVar[str] = "RSET: forget the mail under way"

    async def run(self, session: Session) -> Reply:
        await session.forget()
        return Reply(250, "2.0.0", "Forgotten")


extension = Extension(name="rset", rfc=5321, commands=(Rset,))
