"""What a command is: a value that is made of its words and then run.  rfc5804#1.1 rfc5804#2"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, ClassVar, Self

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sieve.words import Word

if TYPE_CHECKING:
    from mailtwist.protocols.sieve.door import Door

Capability = tuple[str, str | None]
"""A name, and what belongs to it.  rfc5804#1.7"""


class State(Flag):
    """Where a session is; a command names those in which it may come.  rfc5804#2"""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    ANY = NOT_AUTHENTICATED | AUTHENTICATED


@dataclass(frozen=True, slots=True)
class Answer:
    """`OK (code) "words"`, behind the lines of `capabilities` if there are any.  `then` is called when all of
    the answer is on its way: STARTTLS."""

    words: str = ""
    code: bytes = b""
    capabilities: Sequence[Capability] = ()
    then: Callable[[], None] | None = None


class No(Trouble):
    """`NO`, for a command that knows its response code (rfc5804#1.3).  Any other `Trouble` gets the code that
    `replies` has for it."""

    def __init__(self, words: str, code: str = "", status: str = "5.5.0") -> None:
        super().__init__(status, words)
        self.code = code


class Command(ABC):
    """A frozen dataclass with a `parse` and a `run`.  `name` is upper case; `secret`: its arguments must not
    be logged.  `last`: the connection ends after it, whatever the answer."""

    name: ClassVar[str]
    states: ClassVar[State]
    secret: ClassVar[bool] = False
    last: ClassVar[bool] = False

    @classmethod
    def parse(cls, words: Sequence[Word]) -> Self:
        """What the client wrote behind the name; `Malformed` is answered NO."""
        if words:
            raise Malformed(f"{cls.name} takes no arguments")
        return cls()

    @abstractmethod
    async def run(self, door: "Door") -> Answer:
        """`No` or another `Trouble`, and `Malformed`, are answered NO."""


def strings(words: Sequence[Word], fewest: int, most: int) -> list[bytes]:
    """So many strings, nothing else; or `Malformed`."""
    found = [word for word in words if isinstance(word, bytes)]
    if len(found) != len(words) or not fewest <= len(found) <= most:
        raise Malformed(
            f"Expected {fewest} to {most} strings" if fewest < most else f"Expected {most} strings"
        )
    return found
