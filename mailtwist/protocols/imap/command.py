"""What a command is: a value that is parsed and then run.  rfc3501#2.2 rfc3501#3"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, ClassVar, Self

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Malformed

if TYPE_CHECKING:
    from mailtwist.protocols.imap.arguments import Arguments
    from mailtwist.protocols.imap.door import Session


class State(Flag):
    """Where a session is; a command names those in which it may come.  rfc3501#3"""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()
    LOGGED_IN = AUTHENTICATED | SELECTED
    ANY = NOT_AUTHENTICATED | AUTHENTICATED | SELECTED


@dataclass(frozen=True, slots=True)
class Answer:
    """The tagged OK.  `code` is what stands in brackets, without them (rfc3501#7.1).  `then` is called when
    the answer is on its way: STARTTLS, LOGOUT."""

    words: str
    code: str = ""
    then: Callable[[], None] | None = None


class No(Trouble):
    """The tagged NO, for a command that knows its response code (rfc5530#3).  Any other `Trouble` gets the
    code that `replies` has for it."""

    def __init__(self, words: str, code: str = "", status: str = "5.2.0") -> None:
        super().__init__(status, words)
        self.code = code


class Command(ABC):
    """A frozen dataclass with a `parse` and a `run`.

    `name` is upper case.  `takes_uid`: there is `UID <name>` too (rfc3501#6.4.8).  `by_numbers`: it speaks
    of messages by sequence number, so nobody is told of expunged ones until it has ended, unless it came
    with UID (rfc3501#7.4.1).  `secret`: its arguments must not be logged.
    """

    name: ClassVar[str]
    states: ClassVar[State]
    takes_uid: ClassVar[bool] = False
    by_numbers: ClassVar[bool] = False
    secret: ClassVar[bool] = False

    @classmethod
    def parse(cls, arguments: "Arguments", *, by_uid: bool) -> Self:
        """What the client wrote behind the name; `Malformed` is answered BAD."""
        if by_uid:
            raise Malformed(f"There is no UID {cls.name}")
        arguments.end()
        return cls()

    @classmethod
    def streams(cls, before: bytes) -> bool:
        """The literal announced behind `before` is not kept: `run` reads it through `session.incoming`, and
        `parse` sees the text up to it."""
        return False

    @abstractmethod
    async def run(self, session: "Session") -> Answer:
        """Untagged answers go out through `session`.  `No` or another `Trouble` is answered NO, `Malformed`
        BAD."""
