"""What VRFY and EXPN ask after, and how they are answered.  rfc5321#3.5 rfc6531#3.7.4.2"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.grammar import utf8

NEEDS_UTF8 = Reply(252, "2.6.8", "The answer needs SMTPUTF8")


@dataclass(frozen=True, slots=True)
class Question(Command):
    """A name, and whether the answer may be UTF-8."""

    states: ClassVar[State] = State.ANY
    useless: ClassVar[bool] = True
    about: str
    utf8: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        name, _, word = utf8(arguments).rpartition(" ")
        with_utf8 = bool(name) and word.upper() == "SMTPUTF8"
        about = name.rstrip(" ") if with_utf8 else utf8(arguments)
        if not about:
            raise Malformed("Expected a name")
        return cls(about, with_utf8)

    def wanting(self, door: Door) -> Reply | None:
        """Why the question cannot be understood."""
        if self.utf8 and "SMTPUTF8" not in door.dialect.mail_parameters:
            return Reply(555, "5.5.4", "The parameter SMTPUTF8 is not known")
        return None if self.utf8 or self.about.isascii() else replies.NOT_ASCII

    def answer(self, code: int, status: str, mailboxes: Sequence[str]) -> Reply:
        """One mailbox a line."""
        text = "\n".join(mailboxes)
        if not (text.isascii() or self.utf8):
            return NEEDS_UTF8
        return Reply(code, status, text, utf8=self.utf8)


def allowed(door: Door) -> bool:
    """This client may know who exists."""
    return door.vrfy == "anybody" or (door.vrfy == "accounts" and door.authenticated)
