"""What SEARCH tells of the messages that fit: the rows of its table of results.  rfc4731#3.1 rfc4466#2.6"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailtwist.protocols.imap.arguments import Arguments

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session


@dataclass(frozen=True, slots=True)
class Found:
    """The messages that fit, ascending, each at the same place in both; what the client asked for is
    `numbers` or, `by_uid`, `uids`."""

    numbers: "array[int]" = field(default_factory=lambda: array("I"))
    uids: "array[int]" = field(default_factory=lambda: array("I"))
    by_uid: bool = False

    @property
    def told(self) -> "array[int]":
        """What the client calls them."""
        return self.uids if self.by_uid else self.numbers

    def __len__(self) -> int:
        return len(self.numbers)


Words = Callable[["Session", Found], bytes]
"""`NAME value` for the ESEARCH answer; b"" for nothing (rfc4731#3.1: MIN where nothing was found)."""


@dataclass(frozen=True, slots=True)
class SearchReturn:
    """A row of the table of what may stand behind RETURN.  `name` is upper case; `parse` takes what follows
    it, its space included."""

    name: str
    parse: Callable[[Arguments], Words]
