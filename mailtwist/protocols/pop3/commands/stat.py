"""STAT: how many messages, how many octets.  rfc1939#5"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Stat(Command):
    name: ClassVar[str] = "STAT"
    states: ClassVar[State] = State.TRANSACTION

    async def run(self, door: Door) -> Answer:
        there = [size for size in await door.maildrop.sizes() if size is not None]
        return Answer(told=f"{len(there)} {sum(there)}")


extension = Extension(name="stat", rfc=1939, commands=(Stat,))
