"""CAPA: what the server can do.  rfc2449#5"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Capa(Command):
    name: ClassVar[str] = "CAPA"
    states: ClassVar[State] = State.ANY

    async def run(self, door: Door) -> Answer:
        return Answer("Capability list follows", _lines(door.capabilities))


async def _lines(capabilities: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    yield b"".join(b"%b\r\n" % one for one in capabilities)


extension = Extension(name="capa", rfc=2449, commands=(Capa,))
