"""XLARGEST: which messages are the largest."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.pop3.command import Answer, Command, No, State, perhaps_number
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension
from mailtwist.protocols.pop3.language import Language


@dataclass(frozen=True, slots=True)
class Xlargest(Command):
    name: ClassVar[str] = "XLARGEST"
    states: ClassVar[State] = State.TRANSACTION
    count: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(perhaps_number(arguments) or 1)

    async def run(self, door: Door) -> Answer:
        sizes = await door.maildrop.sizes()
        there = [(size, number) for number, size in enumerate(sizes, 1) if size is not None]
        if not there:
            raise No("There are no messages")
        return Answer("The largest first", _lines(sorted(there, reverse=True)[: self.count]))


async def _lines(messages: Sequence[tuple[int, int]]) -> AsyncGenerator[bytes, None]:
    yield b"".join(b"%d %d\r\n" % (number, size) for size, number in messages)


_GERMAN = {"There are no messages": "Es gibt keine Nachrichten", "The largest first": "Die größten zuerst"}

extension = Extension(
    name="xlargest",
    rfc=0,
    capabilities=("XLARGEST",),
    told_in=State.TRANSACTION,
    commands=(Xlargest,),
    languages=(Language("de", "Deutsch", _GERMAN),),
)
