"""What an IMAP client says in a line: command and literal, if there can be no doubt about them."""

import re
from dataclasses import dataclass

from mailtwist.protocols.errors import Malformed

MOST = 2**31 - 1
"""Octets of a literal: a server in which more do not fit into a number would count to another end."""

# An atom has no `"` and no `{` in it; whoever would read them otherwise is not given the chance.
_TEXT = re.compile(rb'(?:[^"{\x00\r\n]++|"(?:[^"\\\x00\r\n]++|\\[^\x00\r\n])*+")*+')
_ANNOUNCED = re.compile(rb"\{([0-9]{1,10})(\+?)\}")
_BEFORE = (b" ", b"(", b" ~", b"(~")
_AFTER = (b" ", b")")
_TAG = rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]{1,64})"
_TAGGED = re.compile(_TAG + rb"(?= |\Z)")
_OPENING = re.compile(_TAG + rb" (?:((?i:UID)) )?([A-Za-z][A-Za-z0-9.\-]{0,63})(?= |\Z)")
# Also one without an end: nothing is looked at twice.
_VALUE = re.compile(rb'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|(?i:NIL)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Opening:
    """`name` is upper case, without UID; `text` is what stands behind it."""

    tag: bytes
    name: str
    by_uid: bool
    text: bytes

    @property
    def said(self) -> bytes:
        """As the server behind is told it."""
        uid = b"UID " if self.by_uid else b""
        return b"%b %b%b" % (self.tag, uid, self.name.encode("ascii"))


@dataclass(frozen=True, slots=True)
class Announced:
    """A literal behind `before`; `waits`: the client does not send it before it is asked."""

    before: bytes
    size: int
    waits: bool


def opening(line: bytes) -> Opening | None:
    found = _OPENING.match(line)
    if found is None:
        return None
    return Opening(found[1], found[3].decode("ascii").upper(), found[2] is not None, line[found.end() :])


def tag_of(line: bytes) -> bytes:
    """b"" when there is none."""
    found = _TAGGED.match(line)
    return found[1] if found else b""


def announced(text: bytes, *, first: bool) -> Announced | None:
    """The literal at the end of `text`, which stands behind the name of the command (`first`) or behind a
    literal; None when there is none.  `Malformed` when somebody might think otherwise."""
    if text and not text.startswith(_AFTER[:1] if first else _AFTER):
        raise Malformed("Expected a space")
    plain = _TEXT.match(text)
    end = plain.end() if plain else 0
    if end == len(text):
        return None
    found = _ANNOUNCED.fullmatch(text, end)
    before = text[:end]
    if found is None or not before.endswith(_BEFORE) or int(found[1]) > MOST:
        raise Malformed("A quoted string or a literal is not written as it has to be")
    return Announced(before, int(found[1]), not found[2])


def unasked(text: bytes) -> int | None:
    """Of how many octets the client sends a literal behind `text`, whatever is wrong with it."""
    found = _ANNOUNCED.fullmatch(text, max(text.rfind(b"{"), 0)) if text.endswith(b"+}") else None
    return int(found[1]) if found else None


def program(text: bytes) -> str:
    """What a client calls itself in the arguments of ID (rfc2971#3.3)."""
    values = _VALUE.findall(text[:4096])
    fields = {name.lower(): value for name, value in zip(values[::2], values[1::2], strict=False)}
    words = b" ".join(filter(None, (fields.get(b"name"), fields.get(b"version"))))
    return words.decode("utf-8", "replace")[:200]
