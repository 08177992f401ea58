"""RSET: nothing has been deleted.  rfc1939#5"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Rset(Command):
    name: ClassVar[str] = "RSET"
    states: ClassVar[State] = State.TRANSACTION

    async def run(self, door: Door) -> Answer:
        await door.maildrop.restore()
        return Answer("Nothing is deleted")


extension = Extension(name="rset", rfc=1939, commands=(Rset,))
