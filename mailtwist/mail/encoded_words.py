"""Header text as people read it: `=?utf-8?Q?Gr=C3=BC=C3=9Fe?=` is "Grüße".  rfc2047"""

import re
from binascii import a2b_qp, b2a_base64
from itertools import islice

from mailtwist.mail import charsets
from mailtwist.mail.transfer import from_base64

WORDS = 5_000
"""Words of one value that are decoded; more are left as they are."""

_WORD = re.compile(rb"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?\s]*+)\?=")
_ROOM = 45
"""Octets of text in one word: with its frame it has 72 of the 75 characters allowed (rfc2047#2)."""

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


def encoded(text: str) -> bytes:
    """`text` as words in UTF-8, folded; no character is divided (rfc2047#5)."""
    words: list[bytes] = []
    word = b""
    for character in text.encode("utf-8", "replace").decode():
        octets = character.encode()
        if len(word) + len(octets) > _ROOM:
            words.append(word)
            word = b""
        word += octets
    return b"\r\n ".join(b"=?utf-8?B?%b?=" % b2a_base64(one, newline=False) for one in (*words, word))


def _octets(encoding: bytes, text: bytes) -> bytes:
    return from_base64(text) if encoding in b"Bb" else a2b_qp(text, header=True)
