"""RETR: a message, whole.  rfc1939#5"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self

from mailtwist.protocols.pop3.command import Answer, Command, State, one_number
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension
from mailtwist.protocols.pop3.maildrop import InMemory
from mailtwist.protocols.pop3.readable import readable


@dataclass(frozen=True, slots=True)
class Retr(Command):
    name: ClassVar[str] = "RETR"
    states: ClassVar[State] = State.TRANSACTION
    number: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(one_number(arguments))

    async def run(self, door: Door) -> Answer:
        message = await door.maildrop.open(self.number)
        if not door.utf8:
            message = await readable(message, door.utf8_headers)
        had = partial(door.maildrop.fetched, self.number)
        body = message.octets if isinstance(message, InMemory) else message.chunks()
        return Answer(f"{message.size} octets", body, then=had)


extension = Extension(name="retr", rfc=1939, commands=(Retr,))
