"""What LIST and LSUB have in common: names under a pattern, and their attributes.  rfc3501#7.2.2"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.mailbox_name import quoted
from mailtwist.protocols.imap.wildcards import matcher
from mailtwist.store.names import in_order

AT_A_STRETCH = 100
"""Names that are looked at before other connections have their turn."""


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

    async def fitting(self, session: Session, names: Iterable[str]) -> AsyncIterator[str]:
        """Those of `names` that fit, in order."""
        fits = matcher(self.reference + self.pattern)
        for number, name in enumerate(in_order(names), 1):
            if fits(name):
                yield name
            if number % AT_A_STRETCH == 0:
                await session.breathe()

    def line(self, name: str, attributes: Iterable[str]) -> bytes:
        """The untagged answer for one name, without `* ` and CRLF."""
        return b'%b (%b) "/" %b' % (
            self.name.encode("ascii"),
            " ".join(attributes).encode("ascii"),
            quoted(name),
        )
