"""What a peer has sent, cut into lines, literals and blocks in linear time.  rfc5321#4.5.2"""

from mailtwist.mail.line_ends import line_ends
from mailtwist.protocols.errors import LineTooLong, Unframed

LIMIT = 64 * 1024
"""Octets that are held before reading pauses; no line can be longer."""

FLOOD = 64 * 1024 * 1024
"""Octets that are read behind what cannot be taken, so that the peer hears why."""

_END = b"\r\n.\r\n"
_PAIRS = frozenset({"\r\n"})


class Received:
    """Octets in order.  Taking from the front moves nothing; no octet is searched twice for one thing."""

    __slots__ = ("_data", "_searched")

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0

    def __len__(self) -> int:
        return len(self._data)

    @property
    def full(self) -> bool:
        return len(self._data) >= LIMIT

    def add(self, data: bytes) -> None:
        self._data += data

    def clear(self) -> None:
        self._data.clear()
        self._searched = 0

    def take(self, count: int) -> bytes:
        """The first `count` octets, or all when there are fewer."""
        with memoryview(self._data) as view:
            taken = bytes(view[:count])
        del self._data[:count]
        self._searched = 0
        return taken

    def line(self, limit: int) -> bytes | None:
        """The next line without CRLF, None while it is not whole.  `LineTooLong` when it is longer than
        `limit`; `Unframed` for CR or LF on its own, and for a line that fills the buffer."""
        end = self._data.find(b"\r\n", self._searched)
        if end < 0:
            if len(self._data) >= LIMIT:
                raise Unframed("The line has no end")
            self._searched = max(0, len(self._data) - 1)
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 2]
        self._searched = 0
        if b"\r" in line or b"\n" in line:
            raise Unframed("CR and LF come in pairs only")
        if len(line) > limit:
            raise LineTooLong("Line too long")
        return line

    def starts(self, with_: bytes) -> bool | None:
        """None: what has come may still become it."""
        head = self._data[: len(with_)]
        return None if len(head) < len(with_) and with_.startswith(head) else head == with_

    def before_end(self) -> tuple[bytes, bool]:
        """What stands before the end of data, and whether that has come; what may be its beginning stays."""
        at = self._data.find(_END) if b"." in self._data else -1  # most big messages are base64: no dots
        if at >= 0:
            return self.take(at), True
        held = next((n for n in (4, 3, 2, 1) if self._data.endswith(_END[:n])), 0)
        return self.take(len(self._data) - held), False


def framed(piece: bytes) -> bool:
    """There is no CR and no LF on its own; pieces are cut so that pairs stay together."""
    return line_ends(piece) <= _PAIRS


class Block:
    """Octets up to a dot on a line of its own, dots undone, in pieces that need not end where lines end.

    After a CR or LF on its own nothing more is given, and at the end, or after `FLOOD` octets, `Unframed` is
    raised: what would have been smuggled is neither kept nor executed."""

    def __init__(self, received: Received) -> None:
        self.over = False
        self._from = received
        self._begun = False
        self._whole = True
        self._dropped = 0

    def piece(self) -> bytes:
        """What is ready; nothing while more has to come.  After the last piece `over` is true."""
        piece = self._next() if self._begun or self._begin() else b""
        self._whole = self._whole and framed(piece)
        if self._whole:
            return piece.replace(b"\r\n.", b"\r\n") if b"." in piece and b"\r\n." in piece else piece
        self._dropped += len(piece)
        if self.over or self._dropped > FLOOD:
            raise Unframed("CR and LF come in pairs only")
        return b""

    def _begin(self) -> bool:
        empty = self._from.starts(b".\r\n")
        if empty is None:
            return False
        self._begun = True
        self.over = empty
        if empty:
            self._from.take(3)
        elif self._from.starts(b"."):
            self._from.take(1)
        return not empty

    def _next(self) -> bytes:
        piece, self.over = self._from.before_end()
        if self.over:
            self._from.take(len(_END))
            return piece + b"\r\n"
        return piece
