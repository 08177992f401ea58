"""What SEARCH tells of the messages that fit: the rows of its table of results.  rfc4731#3.1 rfc4466#2.6"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailtwist.protocols.imap.arguments import Arguments

if TYPE_CHECKING:
    from mailtwist.protocols.imap.changes import Selected
    from mailtwist.protocols.imap.door import Session

SOME = 1_000
"""Numbers written at a time."""


@dataclass(frozen=True, slots=True)
class Found:
    """Messages that fit: their `numbers`, ascending.  `by_uid`: the client asked for UIDs."""

    selected: "Selected"
    by_uid: bool
    numbers: "array[int]" = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def uids(self) -> "array[int]":
        """Ascending."""
        uids = self.selected.uids
        if len(self.numbers) == len(uids):
            return array("I", uids)
        return array("I", [uids[number - 1] for number in self.numbers])

    @property
    def told(self) -> "array[int]":
        """What the client calls them."""
        return self.uids if self.by_uid else self.numbers

    def part(self, places: Iterable[int]) -> "Found":
        """Those at `places` alone, ascending."""
        chosen = sorted(set(places))
        return Found(self.selected, self.by_uid, array("I", [self.numbers[place] for place in chosen]))


Words = Callable[["Session", Found], bytes]
"""`NAME value` for the ESEARCH answer; b"" for nothing (rfc4731#3.1: MIN where nothing was found)."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is told: `words`.  `places` are those of the messages that it is about, when so many were found
    (rfc5182#2.4); None is about none.  `saves`: what all results together are about is `$` from then on."""

    words: Words | None = None
    places: Callable[[int], Sequence[int]] | None = None
    saves: bool = False


@dataclass(frozen=True, slots=True)
class SearchReturn:
    """A row of the table of what may stand behind RETURN.  `name` is upper case; `parse` takes what follows
    it, its space included."""

    name: str
    parse: Callable[[Arguments], Result]


def told_of(found: Found, results: Sequence[Result]) -> Found:
    """The messages that `results` are about, all together; all of `found` where none says."""
    places = [one.places(len(found)) for one in results if one.places is not None]
    if not places or any(len(some) == len(found) for some in places):
        return found
    return found.part(place for some in places for place in some)
