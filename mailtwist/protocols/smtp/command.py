"""What a command is: a value that is parsed and then run, and the reply it gives.  rfc5321#4.1 rfc5321#4.2"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, ClassVar, Self

from mailtwist.protocols.errors import Malformed

if TYPE_CHECKING:
    from mailtwist.protocols.smtp.door import Session

_NOT_TEXT = re.compile(r"[^\t -~]")
_NOT_UTF8_TEXT = re.compile(r"[^\t -~\u00a0-\u2027\u202a-\ud7ff\ue000-\U0010ffff]")
_ROOM = 490  # rfc5321#4.5.3.1.5: 512 with the codes and CRLF


class State(Flag):
    """Where a session is; a command names those in which it may come.  rfc5321#4.1.4"""

    NEW = auto()
    """Not yet greeted."""

    READY = auto()
    """No mail under way."""

    SENDER = auto()
    """MAIL was taken."""

    RECIPIENTS = auto()
    """RCPT was taken."""

    CHUNKS = auto()
    """BDAT was said: the message has begun to come (rfc3030#2)."""

    GREETED = READY | SENDER | RECIPIENTS | CHUNKS
    ANY = NEW | GREETED


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` is an enhanced code (rfc2034#4) or '' where there is none; `text` may have several lines.
    `then` is called when the reply is on its way; after the `last` the connection ends.  `utf8`: the client
    has said that it reads UTF-8 (rfc6531#3.7.4.2)."""

    code: int
    status: str = ""
    text: str = ""
    then: Callable[[], None] | None = None
    last: bool = False
    utf8: bool = False

    @property
    def good(self) -> bool:
        return self.code < 400

    def __bytes__(self) -> bytes:
        status = f"{self.status} " if self.status else ""
        if len(self.text) <= _ROOM and self.text.isascii() and self.text.isprintable():
            return f"{self.code} {status}{self.text}\r\n".encode("ascii")
        *lines, last = [status + self._plain(line) for line in self.text.split("\n")]
        told = [f"{self.code}-{line}\r\n" for line in lines]
        return "".join([*told, f"{self.code} {last}\r\n"]).encode("utf-8")

    def _plain(self, line: str) -> str:
        if not self.utf8:
            return _NOT_TEXT.sub("?", line[:_ROOM])
        clean = _NOT_UTF8_TEXT.sub("?", line[:_ROOM])
        return clean.encode("utf-8")[:_ROOM].decode("utf-8", "ignore")


class Refusal(Exception):
    """The answer to a command, where an answer cannot be returned."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class Command(ABC):
    """A frozen dataclass with a `parse` and a `run`.  `name` is upper case; `secret`: its arguments must not
    be logged; `useless`: no mail comes nearer by it, so a client may say only so many; `usage` is what HELP
    tells."""

    name: ClassVar[str]
    states: ClassVar[State]
    secret: ClassVar[bool] = False
    useless: ClassVar[bool] = False
    usage: ClassVar[str] = ""

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """What the client wrote behind the name and a space; `Malformed` is answered 501."""
        if arguments:
            raise Malformed(f"{cls.name} takes no arguments")
        return cls()

    @property
    def vain(self) -> bool:
        """This one brings no mail nearer."""
        return self.useless

    @abstractmethod
    async def run(self, session: "Session") -> Reply | None:
        """None: nothing is said.  `Refusal` and `Trouble` are answers too; `errors.Unframed` ends the
        connection."""
