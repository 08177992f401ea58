"""What a command is: a value that is parsed and then run.  rfc1939#3 rfc2449#6"""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, ClassVar, Self

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Malformed

if TYPE_CHECKING:
    from mailtwist.protocols.pop3.door import Door

_AT_ONCE = 2000
_NUMBER = re.compile(rb"\d{1,9}")


class State(Flag):
    """Where a session is; a command names those in which it may come.  rfc1939#3"""

    AUTHORIZATION = auto()
    TRANSACTION = auto()
    ANY = AUTHORIZATION | TRANSACTION


@dataclass(frozen=True, slots=True)
class Answer:
    """`+OK told words`, then `body` if there is one, whole or in pieces: octets with CRLF line ends, not
    dot-stuffed, whose end a dot tells (rfc1939#3).  `told` is for programs; `words`, for people, are in
    English here and told in the client's language.  `then` is called when all of the answer is on its way:
    STLS."""

    words: str = ""
    body: AsyncGenerator[bytes, None] | bytes | None = None
    then: Callable[[], None] | None = None
    told: str = ""


class No(Trouble):
    """`-ERR`, for a command that knows its response code (rfc2449#8).  Any other `Trouble` gets the code that
    `replies` has for it."""

    def __init__(self, words: str, code: str = "", status: str = "5.5.0") -> None:
        super().__init__(status, words)
        self.code = code


class NoSuchMessage(No):
    def __init__(self) -> None:
        super().__init__("No such message", status="5.2.0")


class Command(ABC):
    """A frozen dataclass with a `parse` and a `run`.  `name` is upper case; `secret`: its arguments must not
    be logged.  `last`: the connection ends after it, whatever the answer."""

    name: ClassVar[str]
    states: ClassVar[State]
    secret: ClassVar[bool] = False
    last: ClassVar[bool] = False

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """What the client wrote behind the name and a space; `Malformed` is answered -ERR."""
        if arguments.strip(b" "):
            raise Malformed(f"{cls.name} takes no arguments")
        return cls()

    @abstractmethod
    async def run(self, door: "Door") -> Answer:
        """`No` or another `Trouble`, and `Malformed`, are answered -ERR."""


def number(word: bytes) -> int:
    """A number of at most nine digits, or `Malformed`."""
    if not _NUMBER.fullmatch(word):
        raise Malformed("Expected a number")
    return int(word)


def one_number(arguments: bytes) -> int:
    """The only argument, a message number (0 is a number that no message has)."""
    return number(arguments.strip(b" "))


def perhaps_number(arguments: bytes) -> int | None:
    """The only argument, a message number, or None where there is none."""
    word = arguments.strip(b" ")
    return number(word) if word else None


async def listed(lines: Sequence[bytes | None]) -> AsyncGenerator[bytes, None]:
    """A listing by message number, without those that are None."""
    for start in range(0, len(lines), _AT_ONCE):
        some = enumerate(lines[start : start + _AT_ONCE], start + 1)
        yield b"".join(b"%d %b\r\n" % (n, line) for n, line in some if line is not None)
