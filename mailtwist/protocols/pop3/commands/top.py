"""TOP: the header of a message and the first lines of its body.  rfc1939#7"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import Answer, Command, State, number
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.dots import top
from mailtwist.protocols.pop3.extension import Extension
from mailtwist.protocols.pop3.readable import readable


@dataclass(frozen=True, slots=True)
class TopOf(Command):
    name: ClassVar[str] = "TOP"
    states: ClassVar[State] = State.TRANSACTION
    number: int
    lines: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        words = arguments.split()
        if len(words) != 2:
            raise Malformed("Expected a message number and a number of lines")
        return cls(number(words[0]), number(words[1]))

    async def run(self, door: Door) -> Answer:
        message = await door.maildrop.open(self.number)
        if not door.utf8:
            message = await readable(message, door.utf8_headers)
        return Answer("Top of message follows", top(message.chunks(), self.lines))


extension = Extension(name="top", rfc=1939, capabilities=("TOP",), commands=(TopOf,))
