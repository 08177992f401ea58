"""DELE: a message is to be gone after QUIT.  rfc1939#5"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.pop3.command import Answer, Command, State, one_number
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Dele(Command):
    name: ClassVar[str] = "DELE"
    states: ClassVar[State] = State.TRANSACTION
    number: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(one_number(arguments))

    async def run(self, door: Door) -> Answer:
        await door.maildrop.delete(self.number)
        return Answer(f"Message {self.number} deleted")


extension = Extension(name="dele", rfc=1939, commands=(Dele,))
