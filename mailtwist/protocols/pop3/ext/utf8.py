"""UTF8: the client knows headers, names and passwords in UTF-8.  rfc6856#2"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Utf8(Command):
    """Until TLS begins or the connection ends.  rfc6856#2.1"""

    name: ClassVar[str] = "UTF8"
    states: ClassVar[State] = State.AUTHORIZATION

    async def run(self, door: Door) -> Answer:
        door.utf8 = True
        return Answer("Messages come as they are")


extension = Extension(name="utf8", rfc=6856, capabilities=("UTF8 USER",), commands=(Utf8,))
