"""Sets of messages, `1:4,7,9:*`: read and written in linear time, never expanded.  rfc3501#9 rfc5182#3"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailtwist.protocols.errors import Malformed

STAR = 0  # no message has the number 0
HIGHEST = 2**32 - 1
_WRONG = re.compile(rb"[^0-9*:,]|[,:]0|:,|(?<![,:])\*|\*(?![,:])")


@dataclass(frozen=True, slots=True)
class MessageSet:
    """`ranges` are as they came: (from, to) in any order, `STAR` for `*`.  `saved`: no ranges, but what the
    last SEARCH has saved (`$`)."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    @classmethod
    def parse(cls, text: bytes) -> "MessageSet":
        if _WRONG.search(b",%b," % text) is not None:
            raise Malformed("Expected a set of messages")
        parts = text.replace(b"*", b"%d" % STAR).split(b",")
        try:
            found = _ranges(parts) if b":" in text else _singles(parts)
        except ValueError:  # nothing where a number should be, or far too many digits
            raise Malformed("Expected a set of messages") from None
        if max(map(max, found)) > HIGHEST:
            raise Malformed("Message numbers have 32 bits")
        return cls(found)

    def merged(self, highest: int) -> list[tuple[int, int]]:
        """Ascending, none touches another; `*` is `highest` (0: there is no message, and no `*`)."""
        known = [(a or highest, b or highest) for a, b in self.ranges]
        known = sorted([(low, high) if low <= high else (high, low) for low, high in known])
        found: list[tuple[int, int]] = []
        first, last = 1, 0
        for low, high in known:
            if low > last + 1:
                if last:
                    found.append((first, last))
                first, last = max(low, 1), high
            elif high > last:
                last = high
        if last:
            found.append((first, last))
        return found

    def beyond(self, count: int) -> bool:
        """It names a sequence number that a mailbox with `count` messages does not have."""
        return any((a or count) > count or (b or count) > count or not (a or count) for a, b in self.ranges)


SAVED = MessageSet((), saved=True)


def written(numbers: Iterable[int]) -> bytes:
    """`numbers`, ascending, in the order given and with runs as ranges; `b""` for none."""
    lows, highs = runs(numbers)
    return b",".join([b"%d" % a if a == b else b"%d:%d" % (a, b) for a, b in zip(lows, highs, strict=True)])


Runs = tuple["array[int]", "array[int]"]
"""The first and the last numbers of runs: sets of very many messages take little room."""


def runs(numbers: Iterable[int]) -> Runs:
    """`numbers` in the order given."""
    lows, highs = array("I"), array("I")
    last = -1
    for number in numbers:
        if number != last + 1 or not lows:
            lows.append(number)
            highs.append(number)
        else:
            highs[-1] = number
        last = number
    return lows, highs


def picked(known: Sequence[int], ranges: Iterable[tuple[int, int]]) -> list[range]:
    """The positions in `known` (ascending) of all that lie in `ranges` (ascending, apart)."""
    found: list[range] = []
    at, count = 0, len(known)
    for low, high in ranges:
        if at == count:
            break
        # whole numbers that ascend: none is further away than the numbers between
        at = bisect_left(known, low, at, min(count, max(at, at + low - known[at])))
        start = at
        if at < count:
            at = bisect_right(known, high, at, min(count, max(at, at + high - known[at] + 1)))
        if start < at:
            found.append(range(start, at))
    return found


def _singles(parts: list[bytes]) -> tuple[tuple[int, int], ...]:
    numbers = list(map(int, parts))
    return tuple(zip(numbers, numbers, strict=True))


def _ranges(parts: list[bytes]) -> tuple[tuple[int, int], ...]:
    halves = [part.partition(b":") for part in parts]
    return tuple([(int(low), int(high or low)) for low, _, high in halves])
