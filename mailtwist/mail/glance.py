"""What one look at a message says: a text that is surely not in it, with nothing taken apart.  rfc2045#2.7"""

import re
from collections.abc import Iterable

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_CHARSET = re.compile(rb"charset[ \t]*=[ \t]*[\"']?(?:us-ascii|utf-8|iso-8859-[0-9]{1,2}|windows-125[0-9])\b")
_BLANKS = (b" ", b"\t")
"""With one a field goes on that was folded."""

_HIDING = (b"=?", b"base64", b"quoted-printable")


def without(octets: bytes, texts: Iterable[str]) -> bool:
    """None of `texts` (folded by `matching.folded`) is in the message `octets`, in its header or in its body;
    False says nothing.  To be sure, the message is ASCII, nothing in it looks encoded, and no character set
    is named in which ASCII would be something else."""
    if not octets.isascii():
        return False
    lower = octets.lower()
    if any(sign in lower for sign in _HIDING):
        return False
    if lower.count(b"charset") != len(_CHARSET.findall(lower)):
        return False
    return not any(_may_be_in(lower, text) for text in texts)


def _may_be_in(lower: bytes, text: str) -> bool:
    if not text.isascii():
        return False
    sought = text.encode("ascii")
    return sought in lower or any(
        blank in sought and b"\n" + blank in lower and sought in _FOLD.sub(b"", lower) for blank in _BLANKS
    )
