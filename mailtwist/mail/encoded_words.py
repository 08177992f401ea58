"""Header text as people read it: `=?utf-8?Q?Gr=C3=BC=C3=9Fe?=` is "Grüße".  rfc2047"""

import re
from binascii import a2b_qp
from itertools import islice

from mailtwist.mail import charsets
from mailtwist.mail.transfer import from_base64

WORDS = 5_000
"""Words of one value that are decoded; more are left as they are."""

_WORD = re.compile(rb"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?\s]*+)\?=")
_BETWEEN = re.compile(rb"[ \t\r\n]*")


def decoded(value: bytes) -> str:
    """The text of an unfolded field.  What is no encoded word is read as UTF-8."""
    if b"=?" not in value:
        return value.decode("utf-8", "replace")
    text: list[str] = []
    pending: list[bytes] = []  # words side by side, which may share a character
    charset, at = "", 0
    for word in islice(_WORD.finditer(value), WORDS):
        between = value[at : word.start()]
        told = word[1].decode("ascii", "replace").lower()
        divided = not pending or not _BETWEEN.fullmatch(between)
        if divided or told != charset:
            text.append(charsets.decoded(b"".join(pending), charset))
            pending.clear()
        if divided:
            text.append(between.decode("utf-8", "replace"))
        pending.append(_octets(word[2], word[3]))
        charset, at = told, word.end()
    text.append(charsets.decoded(b"".join(pending), charset))
    text.append(value[at:].decode("utf-8", "replace"))
    return "".join(text)


def _octets(encoding: bytes, text: bytes) -> bytes:
    return from_base64(text) if encoding in b"Bb" else a2b_qp(text, header=True)
