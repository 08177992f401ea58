"""Sets of messages, `1:4,7,9:*`: read and written in linear time, never expanded.  rfc3501#9"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailtwist.protocols.errors import Malformed

STAR = 0  # no message has the number 0
HIGHEST = 2**32 - 1
_ELEMENT = re.compile(rb"([1-9][0-9]{0,9}|\*)(?::([1-9][0-9]{0,9}|\*))?")


@dataclass(frozen=True, slots=True)
class MessageSet:
    """`ranges` are as they came: (from, to) in any order, `STAR` for `*`."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: bytes) -> "MessageSet":
        return cls(tuple(_range(part) for part in text.split(b",")))

    def merged(self, highest: int) -> list[tuple[int, int]]:
        """Ascending, none touches another; `*` is `highest` (0: there is no message, and no `*`)."""
        known = sorted(
            (low, high) if low <= high else (high, low)
            for low, high in ((a or highest, b or highest) for a, b in self.ranges)
        )
        found: list[tuple[int, int]] = []
        for low, high in known:
            if found and low <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(high, found[-1][1]))
            elif high:
                found.append((max(low, 1), high))
        return found

    def beyond(self, count: int) -> bool:
        """It names a sequence number that a mailbox with `count` messages does not have."""
        return any((a or count) > count or (b or count) > count or not (a or count) for a, b in self.ranges)


def written(numbers: Iterable[int]) -> bytes:
    """`numbers`, ascending, in the order given and with runs as ranges; `b""` for none."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return b",".join(b"%d" % a if a == b else b"%d:%d" % (a, b) for a, b in runs)


def picked(known: Sequence[int], ranges: Sequence[tuple[int, int]]) -> list[range]:
    """The positions in `known` (ascending) of all that lie in `ranges` (ascending, apart)."""
    found: list[range] = []
    start = 0
    for low, high in ranges:
        start = bisect_left(known, low, start)
        end = bisect_right(known, high, start)
        if start < end:
            found.append(range(start, end))
        start = end
    return found


def _range(part: bytes) -> tuple[int, int]:
    found = _ELEMENT.fullmatch(part)
    if found is None:
        raise Malformed("Expected a set of messages")
    low = _number(found[1])
    return low, low if found[2] is None else _number(found[2])


def _number(text: bytes) -> int:
    number = STAR if text == b"*" else int(text)
    if number > HIGHEST:
        raise Malformed("Message numbers have 32 bits")
    return number
