"""Strings as answers have them: quoted where that is possible, else literals.  rfc3501#4.3 rfc3501#9"""

import re
from collections.abc import Iterable

NIL = b"NIL"
_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
_NOT_QUOTED = re.compile(rb"[\r\n\x80-\xff]")
_SPECIAL = re.compile(rb'(["\\])')


def string(octets: bytes) -> bytes:
    """NULs are left out: no string can hold them."""
    octets = octets.replace(b"\0", b"")
    if _NOT_QUOTED.search(octets):
        return b"{%d}\r\n%b" % (len(octets), octets)
    special = b'"' in octets or b"\\" in octets
    return b'"%b"' % (_SPECIAL.sub(rb"\\\1", octets) if special else octets)


def nstring(octets: bytes | None) -> bytes:
    return NIL if octets is None else string(octets)


def astring(octets: bytes) -> bytes:
    """An atom where that is possible."""
    return octets if _ATOM.fullmatch(octets) else string(octets)


def listed(items: Iterable[bytes]) -> bytes:
    """In parentheses, and NIL for none."""
    inside = b" ".join(items)
    return b"(%b)" % inside if inside else NIL
