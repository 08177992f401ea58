"""LANG: the language of what is said to people.  rfc6856#3"""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import Answer, Command, No, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension
from mailtwist.protocols.pop3.language import CHANGED, ENGLISH, Language, fitting


@dataclass(frozen=True, slots=True)
class Lang(Command):
    """Without a language it lists those there are; `*` is the one that the operator prefers."""

    name: ClassVar[str] = "LANG"
    states: ClassVar[State] = State.ANY
    wanted: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        try:
            return cls(arguments.strip(b" ").decode("ascii"))
        except UnicodeDecodeError:
            raise Malformed("Expected a language") from None

    async def run(self, door: Door) -> Answer:
        if not self.wanted:
            return Answer("Language listing follows", _lines(door.languages))
        chosen = door.preferred_language if self.wanted == "*" else fitting(self.wanted, door.languages)
        if chosen is None:
            raise No("No such language")
        door.language = chosen
        return Answer(CHANGED, told=chosen.tag)


async def _lines(languages: Iterable[Language]) -> AsyncGenerator[bytes, None]:
    yield b"".join(f"{one.tag} {one.name}\r\n".encode() for one in languages)


extension = Extension(name="lang", rfc=6856, capabilities=("LANG",), commands=(Lang,), languages=(ENGLISH,))
