"""How long a message and its lines become while it comes in.  rfc5321#4.5.3.1 rfc1870#6.3"""

from mailtwist.mail.hops import Hops
from mailtwist.protocols.received import framed
from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.limits import Limits

TOO_BIG = Reply(552, "5.3.4", "The message is too big")
TOO_MANY_HOPS = Reply(554, "5.4.6", "The message has been through too many servers")
LINE_TOO_LONG = Reply(500, "5.5.2", "A line of the message is too long")
NOT_FRAMED = Reply(554, "5.6.0", "CR and LF come in pairs only, but for BODY=BINARYMIME")


class Measure:
    """Of one message, in whatever pieces it comes.  One without `lines` is binary."""

    def __init__(self, limits: Limits, lines: bool = True) -> None:
        self.size = 0
        self._limits = limits
        self._lines = lines
        self._line = 0
        self._dropped = 0
        self._hops = Hops()

    @property
    def ended(self) -> bool:
        """Its last line has an end."""
        return not self._line or not self._lines

    def unended(self) -> Reply | None:
        """Why the message cannot end here."""
        return None

    def see(self, chunk: bytes) -> Reply | None:
        """Why the message cannot be taken."""
        self.size += len(chunk)
        if self.size > self._limits.message:
            return TOO_BIG
        self._hops.see(chunk)
        if self._hops.count > self._limits.hops:
            return TOO_MANY_HOPS
        return self._see_lines(chunk) if self._lines else None

    def _see_lines(self, chunk: bytes) -> Reply | None:
        longest = self._line + len(chunk)
        if longest > self._limits.text_line:
            first, *others = chunk.split(b"\n")
            longest = max(self._line + len(first), max(map(len, others), default=0)) - 1  # the CR
        last = chunk.rfind(b"\n") + 1
        self._line = len(chunk) - last if last else self._line + len(chunk)
        return LINE_TOO_LONG if longest > self._limits.text_line else None

    def is_flood(self, dropped: bytes) -> bool:
        """More was dropped than a message may hold."""
        self._dropped += len(dropped)
        return self._dropped > self._limits.message


class ChunkMeasure(Measure):
    """Of a text that comes in chunks, which may end within a CRLF.  What has a CR or LF on its own could be
    two messages for whoever gets it next, so it is not taken."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._half = False

    def unended(self) -> Reply | None:
        return NOT_FRAMED if self._half else None

    def see(self, chunk: bytes) -> Reply | None:
        return super().see(chunk) or (None if self._framed(chunk) else NOT_FRAMED)

    def _framed(self, chunk: bytes) -> bool:
        if not chunk:
            return True
        if self._half and not chunk.startswith(b"\n"):
            return False
        inner = chunk[1:] if self._half else chunk
        self._half = inner.endswith(b"\r")
        return framed(inner[:-1] if self._half else inner)
