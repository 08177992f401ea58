"""Where a header ends, whatever octets it has."""

from collections.abc import Iterator
from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail import headers


def lines(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for line in octets.split(b"\n"):
        yield at, line
        at += len(line) + 1


def expected(octets: bytes, start: int) -> int:
    """Line by line: behind the first empty one that begins at `start` or later."""
    for at, line in lines(octets):
        end = at + len(line) + 1
        if end > len(octets) or line not in (b"", b"\r"):
            continue
        if at >= start:
            return end
    return -1


class End(SynchronousTestCase):
    def test_all_short_octets(self) -> None:
        for length in range(7):
            for octets in map(bytes, product(b"a\r\n", repeat=length)):
                for start in range(length + 1):
                    self.assertEqual(headers.end(octets, start), expected(octets, start), (octets, start))

    def test_the_fields_before_it(self) -> None:
        for header in (b"To: a\r\n\r\nTo: b\r\n", b"To: a\n\nTo: b\n", b"To: a\r\n", b"\r\nTo: b\r\n"):
            found = [raw for _, raw in headers.named(header, frozenset([b"to"]))]
            self.assertEqual(found, [raw for _, raw in headers.fields(header)], header)
