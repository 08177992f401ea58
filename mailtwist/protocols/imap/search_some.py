"""Some messages in a row, and sets of them as numbers: SEARCH asks about all at a time.  rfc3501#6.4.4"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING

from mailtwist.mail.flags import Flags
from mailtwist.store.api import Entry

if TYPE_CHECKING:
    from mailtwist.protocols.imap.changes import Selected
    from mailtwist.protocols.imap.search_keys import Text

AT_A_TIME = 4_096
"""Messages."""

FLAGS_KEPT = 16
"""Flags of which it is remembered who has them."""

_flags = attrgetter("flags")


class Some:
    """Messages in a row.  A set of them is a number with an octet for each, 1 for those in it, the first in
    the lowest: such sets are joined as fast as numbers are.

    `header` has folded texts by field name, once it was read; `missing` are those of the texts looked for
    that were not found in the whole message.  Both are known of one message at a time only.
    """

    __slots__ = ("_entries", "_flagged", "_start", "all", "count", "header", "missing", "numbers", "recent")

    def __init__(
        self,
        entries: Sequence[Entry],
        start: int,
        count: int,
        numbers: Sequence[int],
        recent: Collection[int],
    ) -> None:
        """`count` of `entries` from `start` on, which have the message `numbers`."""
        self._entries = entries
        self._start = start
        self._flagged: dict[str, int] = {}
        self.count = count
        self.numbers = numbers
        self.recent = recent
        self.all = int.from_bytes(b"\1" * count, "little")
        self.header: Mapping[bytes, Sequence[str]] | None = None
        self.missing: frozenset[Text] | None = None

    @property
    def entries(self) -> Sequence[Entry]:
        return self._entries[self._start : self._start + self.count]

    def one(self, at: int) -> "Some":
        """The message at that place alone."""
        return Some(self._entries, self._start + at, 1, self.numbers[at : at + 1], self.recent)

    # -- sets of them
    def that(self, test: Callable[[Entry], bool]) -> int:
        return _set(map(test, self.entries))

    def at(self, places: Iterable[range]) -> int:
        octets = bytearray(self.count)
        for place in places:
            octets[place.start : place.stop] = b"\1" * len(place)
        return int.from_bytes(octets, "little")

    def flagged(self, flag: str) -> int:
        found = self._flagged.get(flag)
        if found is None:
            has = _Has(flag)
            found = _set(map(has.__getitem__, map(_flags, self.entries)))
            if len(self._flagged) < FLAGS_KEPT:
                self._flagged[flag] = found
        return found

    def places(self, some: int) -> Iterator[int]:
        return compress(range(self.count), some.to_bytes(self.count, "little"))

    def numbers_of(self, some: int) -> Iterator[int]:
        return compress(self.numbers, some.to_bytes(self.count, "little"))


class _Has(dict[Flags, bool]):
    """Is the flag among flags?  Few sets of flags are on very many messages."""

    def __init__(self, flag: str) -> None:
        super().__init__()
        self._flag = flag

    def __missing__(self, flags: Flags) -> bool:
        self[flags] = found = self._flag in flags
        return found


def _set(members: Iterable[bool]) -> int:
    return int.from_bytes(bytes(members), "little")


def in_stretches(selected: "Selected", count: int) -> Iterable[Some]:
    """All messages that are there and that the client knows, `count` at a time.  Who has which flag is known
    from the last time, as long as nothing has changed."""
    if count != AT_A_TIME:
        return _stretches(selected, count)
    if selected.searched is None:
        selected.searched = tuple(_stretches(selected, count))
    return selected.searched


def _stretches(selected: "Selected", count: int) -> Iterator[Some]:
    entries, numbers = there(selected)
    for start in range(0, len(entries), count):
        size = min(count, len(entries) - start)
        yield Some(entries, start, size, numbers[start : start + size], selected.recent)


def there(selected: "Selected") -> tuple[Sequence[Entry], Sequence[int]]:
    """Entries and message numbers of what the client knows and what is still there."""
    entries, uids = selected.mailbox.entries(), selected.uids
    count = len(uids)
    if not count:
        return (), ()
    # what is new has a higher UID than all that is known: if so many are there up to the last, all are
    if len(entries) >= count and entries[count - 1].uid == uids[-1]:
        return (entries if len(entries) == count else entries[:count]), range(1, count + 1)
    known = {entry.uid: entry for entry in entries}
    found = [(number, known[uid]) for number, uid in enumerate(uids, 1) if uid in known]
    return [entry for _, entry in found], [number for number, _ in found]
