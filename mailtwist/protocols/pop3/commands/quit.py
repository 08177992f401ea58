"""QUIT: deletions are carried out, then the connection ends.  rfc1939#6"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Quit(Command):
    name: ClassVar[str] = "QUIT"
    states: ClassVar[State] = State.ANY
    last: ClassVar[bool] = True

    async def run(self, door: Door) -> Answer:
        if door.reached is State.TRANSACTION:
            await door.update()
        return Answer("Bye")


extension = Extension(name="quit", rfc=1939, commands=(Quit,))
