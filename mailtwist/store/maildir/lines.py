"""Line ends: files that others wrote with LF are read as if they had CRLF, block by block."""

from bisect import bisect_right
from collections.abc import Callable

from mailtwist.mail.line_ends import line_ends

BLOCK = 1 << 18


class LineCount:
    """How many LFs without CR have been in what was fed."""

    def __init__(self) -> None:
        self.bare = 0
        self._after_cr = False

    def feed(self, block: bytes) -> None:
        if not block:
            return
        if "\n" in line_ends(block):  # rarely: counting takes longer
            self.bare += block.count(b"\n") - block.count(b"\r\n")
            if self._after_cr and block.startswith(b"\n"):
                self.bare -= 1
        self._after_cr = block.endswith(b"\r")


def with_crlf(block: bytes, after_cr: bool = False) -> bytes:
    """`block` with a CR before each LF that has none; `after_cr` says that one came just before it."""
    if after_cr and block.startswith(b"\n"):
        return b"\n" + with_crlf(block[1:])
    return block.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def bare_in(read: Callable[[int, int], bytes]) -> int:
    """The LFs without CR of a whole file; `read(start, count)` gives its octets, fewer at the end only."""
    lines, at = LineCount(), 0
    while len(block := read(at, BLOCK)) == BLOCK:
        lines.feed(block)
        at += BLOCK
    lines.feed(block)
    return lines.bare


class CRLFView:
    """A file of `size` octets as it is with CRLF.  Blocks.  Reading on is cheap anywhere: where each block
    begins is remembered once it has been passed."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._begins = [0]  # of block n, counted with CRLF
        self._after_cr = [False]
        self._last: tuple[int, bytes] = (-1, b"")

    def size(self) -> int:
        """Reads the file to its end."""
        while self._converted(len(self._begins) - 1):
            pass
        return self._begins[-1]

    def read(self, start: int, count: int) -> bytes:
        while self._begins[-1] <= start and self._converted(len(self._begins) - 1):
            pass
        number = bisect_right(self._begins, start) - 1
        pieces: list[bytes] = []
        skip = start - self._begins[number]
        while count > 0 and (block := self._converted(number)):
            pieces.append(block[skip : skip + count])
            count -= len(pieces[-1])
            skip, number = 0, number + 1
        return b"".join(pieces)

    def _converted(self, number: int) -> bytes:
        if self._last[0] == number:
            return self._last[1]
        raw = self._read(number * BLOCK, min(BLOCK, max(0, self._size - number * BLOCK)))
        block = with_crlf(raw, self._after_cr[number])
        if raw and number + 1 == len(self._begins):
            self._begins.append(self._begins[number] + len(block))
            self._after_cr.append(raw.endswith(b"\r"))
        self._last = (number, block)
        return block
