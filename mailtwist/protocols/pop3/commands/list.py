"""LIST: the size of each message, or of one.  rfc1939#5"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.pop3.command import Answer, Command, State, listed, perhaps_number
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class List(Command):
    name: ClassVar[str] = "LIST"
    states: ClassVar[State] = State.TRANSACTION
    number: int | None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(perhaps_number(arguments))

    async def run(self, door: Door) -> Answer:
        if self.number is not None:
            return Answer(told=f"{self.number} {await door.maildrop.size(self.number)}")
        sizes = await door.maildrop.sizes()
        there = [size for size in sizes if size is not None]
        lines = [None if size is None else b"%d" % size for size in sizes]
        return Answer(f"{len(there)} messages ({sum(there)} octets)", listed(lines))


extension = Extension(name="list", rfc=1939, commands=(List,))
