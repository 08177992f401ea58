"""NOOP: nothing, but both sides know where they are.  rfc5804#2.13"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sieve.command import Answer, Command, State, strings
from mailtwist.protocols.sieve.door import Door
from mailtwist.protocols.sieve.extension import Extension
from mailtwist.protocols.sieve.words import Word, is_plain, quoted


@dataclass(frozen=True, slots=True)
class Noop(Command):
    """A string that comes with it comes back."""

    name: ClassVar[str] = "NOOP"
    states: ClassVar[State] = State.ANY
    tag: bytes | None

    @classmethod
    def parse(cls, words: Sequence[Word]) -> Self:
        found = strings(words, 0, 1)
        if found and not is_plain(found[0]):
            raise Malformed("Expected a short string of ASCII")
        return cls(found[0] if found else None)

    async def run(self, door: Door) -> Answer:
        if self.tag is None:
            return Answer("Done")
        return Answer("Done", code=b"TAG %b" % quoted(self.tag))


extension = Extension(name="noop", rfc=5804, commands=(Noop,))
