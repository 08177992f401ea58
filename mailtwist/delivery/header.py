"""The header of a message that comes in pieces: held until it is whole, and passed on as we want it."""

import re

from mailtwist.mail.headers import LIMIT, begins

_RETURN_PATH = re.compile(rb"(?im)^return-path[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+")


class Header:
    """`octets` are the header with its empty line, once it is `whole`.  One that is longer than `LIMIT` never
    is, and is not held.  A message that begins with no field has an empty one."""

    def __init__(self) -> None:
        self.octets = b""
        self.whole = False
        self._held = bytearray()
        self._ended = False

    def see(self, chunk: bytes) -> bytes:
        """The octets to pass on now that `chunk` has come."""
        if self._ended:
            return chunk
        start = max(0, len(self._held) - 3)
        self._held += chunk
        end = 2 if self._held.startswith(b"\r\n") else self._held.find(b"\r\n\r\n", start) + 4
        self.whole = end != 3
        if self.whole:
            return self._over(end)
        return self._over(len(self._held)) if len(self._held) > LIMIT else b""

    def finish(self) -> bytes:
        """The rest, when the message has come to its end."""
        if self._ended:
            return b""
        self.whole = True
        return self._over(len(self._held))

    def _over(self, end: int) -> bytes:
        """Without the Return-Path of others: at final delivery there is one, ours (rfc5321#4.4)."""
        self._ended = True
        held, self._held = bytes(self._held), bytearray()
        if not begins(held):  # else its first line went on with our last one, or hid the rest
            self.whole, self.octets = True, b"\r\n"
            return self.octets + held
        self.octets = held[:end]
        return _RETURN_PATH.sub(b"", self.octets) + held[end:]
