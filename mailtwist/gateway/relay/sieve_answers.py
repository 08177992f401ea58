"""What a ManageSieve server says, passed on in blocks: lines that end an answer are told from all others."""

import re
from collections.abc import Iterator
from typing import Literal

from mailtwist.gateway.relay.steps import OutOfStep

LONGEST = 64 * 1024
"""Octets of a line."""

Verdict = Literal["", "OK", "NO", "BYE"]

_VERDICT = re.compile(rb"(?i)(OK|NO|BYE)(?=[ \r\n])")
_LITERAL = re.compile(rb"\{([0-9]{1,19})\+?\}\r?\n\Z")


class Answers:
    """The answers of one server (rfc5804#1.2).  A line goes on behind each of its literals; what a literal
    holds is nothing but octets."""

    def __init__(self) -> None:
        self.verdict: Verdict = ""
        """That of the line under way, or of the last one."""
        self._line = b""
        self._left = 0
        self._goes_on = False

    @property
    def between(self) -> bool:
        """No line has begun that is not over."""
        return not (self._line or self._left or self._goes_on)

    def passed(self, data: bytes) -> Iterator[tuple[bytes, Verdict]]:
        """What the server has said, in pieces; a piece with a verdict is the last one of an answer.
        `OutOfStep` for a line without end."""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                at += len(piece)
                yield piece, ""
            else:
                end = data.find(b"\n", at) + 1
                self._line += data[at : end or len(data)]
                if len(self._line) > LONGEST:
                    raise OutOfStep("a line without end")
                at = end or len(data)
                if end:
                    yield self._whole()

    def _whole(self) -> tuple[bytes, Verdict]:
        line, self._line = self._line, b""
        if not self._goes_on:
            found = _VERDICT.match(line)
            self.verdict = "" if found is None else found[1].decode("ascii").upper()  # type: ignore[assignment]
        announced = _LITERAL.search(line)
        self._goes_on = announced is not None
        if announced is not None:
            self._left = int(announced[1])
            return line, ""
        return line, self.verdict
