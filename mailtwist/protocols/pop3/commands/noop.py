"""NOOP: nothing, but the client is still there.  rfc1939#5"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Noop(Command):
    name: ClassVar[str] = "NOOP"
    states: ClassVar[State] = State.TRANSACTION

    async def run(self, door: Door) -> Answer:
        return Answer()


extension = Extension(name="noop", rfc=1939, commands=(Noop,))
