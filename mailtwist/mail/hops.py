"""How many servers a message has been through: its Received lines, wherever it is cut.  rfc5321#6.3"""

import re

_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
_LONGEST_NAME = 16


class Hops:
    """Counts the Received lines of a message that comes in pieces, wherever it is cut."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = b""
        self._in_header = True

    def see(self, chunk: bytes) -> None:
        if not self._in_header:
            return
        text = self._rest + chunk
        if (end := _end_of_header(text)) is not None:
            self._in_header = False
            text = text[:end]
        whole = text.rfind(b"\n") + 1
        self.count += len(_RECEIVED.findall(text[:whole]))
        # Of a line that goes on, its beginning decides; and its end, should that be half of a CRLF.
        rest = text[whole:]
        self._rest = rest[:_LONGEST_NAME] + (b"\r" if rest[_LONGEST_NAME:].endswith(b"\r") else b"")


def _end_of_header(text: bytes) -> int | None:
    if text.startswith(b"\r\n"):
        return 0
    end = text.find(b"\r\n\r\n")
    return None if end < 0 else end + 2
