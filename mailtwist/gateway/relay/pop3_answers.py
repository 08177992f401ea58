"""What a POP3 server says, passed on in blocks: where each answer ends is known, so ours find their place."""

from collections import deque

from mailtwist.gateway.relay.steps import OutOfStep

LONGEST = 8192
"""Octets of the first line of an answer."""

_END = b"\r\n.\r\n"
_HELD = len(_END) - 1


class Answers:
    """The answers of one server.  Commands are told with `asked`, answers of ours with `ours`, in the order
    in which the client waits for them; what a client is to hear comes out in that order."""

    def __init__(self) -> None:
        self.waiting = 0
        self.goodbye = False
        self._next: deque[bool | bytes] = deque()
        self._line = b""
        self._tail: bytes | None = None

    def asked(self, *, lines: bool) -> None:
        """A command is on its way to the server; with `lines`, several follow a +OK (rfc1939#3)."""
        self.waiting += 1
        self._next.append(lines)

    def ours(self, octets: bytes) -> bytes:
        """What of an answer of ours can be said now: all of it, or nothing."""
        if self.waiting == 0:
            return octets
        self._next.append(octets)
        return b""

    @property
    def queued(self) -> int:
        """Answers that the client still waits for, with ours."""
        return len(self._next)

    @property
    def between(self) -> bool:
        """The client has heard each answer that has begun to its end."""
        return not self._line and self._tail is None

    def passed(self, data: bytes) -> bytes:
        """What the client is to hear of what the server says now.  `OutOfStep` when the server answers what
        it was not asked, or with what is no answer: then nothing of it is to be passed on."""
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            at = (
                self._line_from(data, at, pieces) if self._tail is None else self._body_from(data, at, pieces)
            )
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _line_from(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """The first line of an answer; until it is whole nothing of it is passed on."""
        end = data.find(b"\n", at) + 1
        self._line += data[at : end or len(data)]
        if len(self._line) > LONGEST:
            raise OutOfStep("a line without end")
        if not end:
            return len(data)
        line, self._line = self._line, b""
        pieces.append(line)
        if self._begins_lines(line):
            self._tail = b"\r\n"
        else:
            self._answered(pieces)
        return end

    def _begins_lines(self, line: bytes) -> bool:
        good, bad = line.startswith(b"+OK"), line.startswith(b"-ERR")
        if not good and not bad:
            raise OutOfStep("an answer is neither +OK nor -ERR")
        if not self.waiting:
            if good or self.goodbye:
                raise OutOfStep("an answer to nothing")
            self.goodbye = True
        return good and self.waiting > 0 and self._next[0] is True

    def _body_from(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        end = self._end(data, at)
        if end < 0:
            pieces.append(data[at:])  # all of it: most blocks are the middle of a message
            return len(data)
        pieces.append(data[at:end])
        self._tail = None
        self._answered(pieces)
        return end

    def _end(self, data: bytes, at: int) -> int:
        """Behind the dot on its own line; -1 when it has not come."""
        assert self._tail is not None
        known = len(self._tail)
        found = (self._tail + data[at : at + _HELD]).find(_END)
        if found >= 0:
            return at + found + len(_END) - known
        found = data.find(_END, at)
        if found >= 0:
            return found + len(_END)
        self._tail = (self._tail + data[max(at, len(data) - _HELD) :])[-_HELD:]
        return -1

    def _answered(self, pieces: list[bytes]) -> None:
        """One more; ours that stand behind it can be said now."""
        if self.goodbye:
            return
        self.waiting -= 1
        self._next.popleft()
        while self._next and isinstance(self._next[0], bytes):
            pieces.append(self._next.popleft())  # type: ignore[arg-type]
