"""CAPABILITY: what the server can do.  rfc5804#2.4"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.sieve.command import Answer, Command, State
from mailtwist.protocols.sieve.door import Door
from mailtwist.protocols.sieve.extension import Extension


@dataclass(frozen=True, slots=True)
class CapabilityNow(Command):
    name: ClassVar[str] = "CAPABILITY"
    states: ClassVar[State] = State.ANY

    async def run(self, door: Door) -> Answer:
        return Answer("Capability completed", capabilities=door.capabilities)


extension = Extension(name="capability", rfc=5804, commands=(CapabilityNow,))
