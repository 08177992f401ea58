"""The words of structured header fields: atoms, quoted strings, comments; read once.  rfc5322#3.2"""

import re

_SPACE = re.compile(rb"[ \t\r\n]*+")
_SKIPPED = frozenset((b" ", b"\t", b"\r", b"\n", b"("))
_QUOTED = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\\?\Z)', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_IN_COMMENT = re.compile(rb"[^()\\]*+(?:\\.[^()\\]*+)*+", re.DOTALL)


class Words:
    """A cursor over one field's value.  Nothing raises: what is not there is None, what is not closed ends
    with the value.  `comment` is the last comment that was passed, without its parentheses."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._at = 0
        self.comment: bytes | None = None

    def skip(self) -> bool:
        """White space and comments are behind us; there were some."""
        start = self._at
        if self._value[start : start + 1] not in _SKIPPED:
            return False
        while True:
            self._at = self._match(_SPACE).end()
            if not self._value.startswith(b"(", self._at):
                return self._at > start
            self.comment = self._comment()

    @property
    def ended(self) -> bool:
        self.skip()
        return self._at >= len(self._value)

    def take(self, octet: bytes) -> bool:
        """`octet` was next and is taken."""
        self.skip()
        found = self._value.startswith(octet, self._at)
        if found:
            self._at += len(octet)
        return found

    def peek(self) -> bytes:
        """The next octet; b"" at the end."""
        self.skip()
        return self._value[self._at : self._at + 1]

    def scan(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What `pattern` finds here is taken; it must be linear and never empty."""
        self.skip()
        found = pattern.match(self._value, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def match(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """The octets of `scan`."""
        found = self.scan(pattern)
        return None if found is None else found[0]

    def quoted(self) -> bytes | None:
        """A quoted string, unquoted."""
        if self.peek() != b'"':
            return None
        found = _QUOTED.match(self._value, self._at)
        assert found is not None
        self._at = found.end()
        return _QUOTED_PAIR.sub(rb"\1", found[1])

    def drop(self) -> None:
        """One octet that has no business here."""
        self._at += 1

    def _comment(self) -> bytes:
        start, depth = self._at + 1, 0
        while self._at < len(self._value):
            depth += {b"(": 1, b")": -1}.get(self._value[self._at : self._at + 1], 0)
            self._at += 1
            if not depth:
                break
            self._at = self._match(_IN_COMMENT).end()
        inside = self._value[start : self._at - (not depth)]
        return _QUOTED_PAIR.sub(rb"\1", inside)

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        found = pattern.match(self._value, self._at)
        assert found is not None  # both patterns match nothing at all, too
        return found
