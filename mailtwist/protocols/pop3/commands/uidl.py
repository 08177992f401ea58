"""UIDL: a name for each message, or for one, that lasts longer than the session.  rfc1939#7"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.pop3.command import Answer, Command, State, listed, perhaps_number
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Uidl(Command):
    name: ClassVar[str] = "UIDL"
    states: ClassVar[State] = State.TRANSACTION
    number: int | None

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(perhaps_number(arguments))

    async def run(self, door: Door) -> Answer:
        if self.number is not None:
            uid = await door.maildrop.uid(self.number)
            return Answer(told=f"{self.number} {uid.decode('ascii', 'replace')}")
        return Answer("Unique-ID listing follows", listed(await door.maildrop.uids()))


extension = Extension(name="uidl", rfc=1939, capabilities=("UIDL",), commands=(Uidl,))
