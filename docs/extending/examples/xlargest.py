"""XLARGEST: which message is the largest."""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, No, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Xlargest(Command):
    name: ClassVar[str] = "XLARGEST"
    states: ClassVar[State] = State.TRANSACTION

    async def run(self, door: Door) -> Answer:
        sizes = await door.maildrop.sizes()
        there = [(size, number) for number, size in enumerate(sizes, 1) if size is not None]
        if not there:
            raise No("There are no messages")
        size, number = max(there)
        return Answer(f"{number} {size}")


extension = Extension(name="xlargest", rfc=0, capabilities=("XLARGEST",), commands=(Xlargest,))
