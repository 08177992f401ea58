"""What STATUS can be asked, also by LIST: the rows of its table.  rfc3501#6.3.10 rfc5819#2"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.mailbox_name import quoted
from mailtwist.store.api import Status

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session


@dataclass(frozen=True, slots=True)
class StatusItem:
    """A row of the table.  `name` is upper case; `words` is what the answer has behind it."""

    name: str
    words: "Callable[[Session, Status], bytes]"


def number(name: str, of: Callable[[Status], int]) -> StatusItem:
    """A row for what is a number."""
    return StatusItem(name, lambda session, status: b"%d" % of(status))


def asked(arguments: Arguments) -> tuple[StatusItem, ...]:
    """`(MESSAGES UNSEEN)`, each once."""
    table = arguments.dialect.status_items
    found: dict[str, StatusItem] = {}

    def one() -> None:
        name = arguments.atom().upper()
        if name not in table:
            raise Malformed("Unknown STATUS item")
        found[name] = table[name]

    arguments.list_of(one)
    return tuple(found.values())


def answer(session: "Session", name: str, items: Sequence[StatusItem], status: Status) -> bytes:
    """The untagged answer for the mailbox `name`, without `* ` and CRLF."""
    words = b" ".join(b"%b %b" % (item.name.encode("ascii"), item.words(session, status)) for item in items)
    return b"STATUS %b (%b)" % (quoted(name, utf8=session.utf8_names), words)
