"""How long a message and its lines become while it comes in.  rfc5321#4.5.3.1 rfc1870#6.3"""

from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.limits import Limits

TOO_BIG = Reply(552, "5.3.4", "The message is too big")
LINE_TOO_LONG = Reply(500, "5.5.2", "A line of the message is too long")


class Measure:
    """Of one message, in whatever pieces it comes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._size = 0
        self._line = 0
        self._dropped = 0

    def see(self, chunk: bytes) -> Reply | None:
        """Why the message cannot be taken."""
        self._size += len(chunk)
        if self._size > self._limits.message:
            return TOO_BIG
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
