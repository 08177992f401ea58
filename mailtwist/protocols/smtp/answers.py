"""What a server says to a command of ours: its reply, read line by line.  rfc5321#4.2 rfc2034#4"""

import re
from dataclasses import dataclass
from typing import Protocol

from mailtwist.kit.trouble import Trouble

LONGEST_LINE = 4096
"""Octets; rfc5321#4.5.3.1.5 has 512."""

MOST_LINES = 100

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)")


class Lines(Protocol):
    """A connection that we made: `protocols.client.Call`."""

    async def line(self, limit: int = ...) -> bytes: ...


class NotUnderstood(Trouble):
    """What came is no reply; nothing that comes behind it can be believed."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.4.2", "The next server cannot be understood, try again later", detail)


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is the enhanced code, '' where the server gave none that goes with `code`; `lines` are its
    words without either, not yet safe to be said to anybody."""

    code: int
    status: str
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Done."""
        return self.code < 300

    @property
    def go_on(self) -> bool:
        """More is wanted: 334, 354."""
        return 300 <= self.code < 400

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def __str__(self) -> str:
        """For the log: one line, printable."""
        words = " ".join(filter(None, (str(self.code), self.status, *self.lines)))[:300]
        return "".join(letter if letter.isprintable() else "?" for letter in words)


async def answer(call: Lines) -> Answer:
    """The next reply, whole.  `Trouble` 4.4.2 when it does not come, or is none."""
    code = 0
    told: list[str] = []
    while len(told) < MOST_LINES:
        line = await call.line(LONGEST_LINE)
        found = _LINE.fullmatch(line)
        if found is None or code not in (0, int(found[1])):
            # Not in its own words: it may repeat what we have said, and that may have been a password.
            raise NotUnderstood(f"no SMTP reply, but a line of {len(line)} octets")
        code = int(found[1])
        told.append((found[3] or b"").decode("utf-8", "replace"))
        if found[2] != b"-":
            return _made(code, told)
    raise NotUnderstood(f"a reply of more than {MOST_LINES} lines")


def _made(code: int, told: list[str]) -> Answer:
    """The status is on each line (rfc2034#4); some servers put it on the first alone."""
    found = _STATUS.match(told[0])
    if found is None or found[1][0] != str(code)[0]:
        return Answer(code, "", tuple(told))
    status = found[1]
    return Answer(code, status, tuple(_behind(status, line) for line in told))


def _behind(status: str, line: str) -> str:
    found = _STATUS.match(line)
    return line[found.end() :] if found is not None and found[1] == status else line
