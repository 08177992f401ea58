"""What LIST and LSUB have in common: names under a pattern, and their attributes.  rfc3501#7.2.2"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Command, State
from mailtwist.protocols.imap.mailbox_name import quoted


@dataclass(frozen=True, slots=True)
class Lists(Command):
    """`reference` stands before `pattern`, whatever level it ends at."""

    states: ClassVar[State] = State.LOGGED_IN
    reference: str
    pattern: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        reference = arguments.mailbox()
        arguments.space()
        pattern = arguments.pattern()
        arguments.end()
        return cls(reference, pattern)

    def line(self, name: str, attributes: Iterable[str]) -> bytes:
        """The untagged answer for one name, without `* ` and CRLF."""
        return b'%b (%b) "/" %b' % (
            self.name.encode("ascii"),
            " ".join(attributes).encode("ascii"),
            quoted(name),
        )
