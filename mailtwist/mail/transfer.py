"""Transfer encodings undone in blocks, however broken: what cannot be read is left out.  rfc2045#6"""

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Callable

Decode = Callable[[bytes], bytes]
"""One block after the other, and b"" at the end."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BLANKS = (b" \r\n", b"\t\r\n", b" \n", b"\t\n")
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
# What is no escape: binascii would leave out what stands behind some.  While more may come, the end says
# nothing.
_ODD = re.compile(rb"(?s)=(?![0-9A-Fa-f]{2}|\r?\n|.?[ \t\r]*+\Z)")
_LAST_ODD = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)")
_RUN = 1_000  # blanks that are kept for the next block to say whether a line ends behind them
_NO_BASE64 = bytes(set(range(256)) - set(_BASE64))


def from_base64(text: bytes) -> bytes:
    """rfc2045#6.8"""
    plain = text.translate(None, _NO_BASE64)
    if len(plain) % 4 == 1:
        plain = plain[:-1]
    return a2b_base64(plain + b"=" * (-len(plain) % 4))


def decode(encoding: bytes) -> Decode:
    """What undoes `encoding`; what we do not know is left as it is."""
    if encoding.lower() == b"base64":
        return _Quads()
    return _QuotedPrintable() if encoding.lower() == b"quoted-printable" else _as_it_is


def none_needed(encoding: bytes) -> bool:
    """What is so encoded is as it was (rfc2045#6.2)."""
    return encoding.lower() in (b"7bit", b"8bit", b"binary")


def known(encoding: bytes) -> bool:
    return none_needed(encoding) or encoding.lower() in (b"base64", b"quoted-printable")


def _as_it_is(block: bytes) -> bytes:
    return block


class _Quads:
    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, block: bytes) -> bytes:
        plain = self._rest + block.translate(None, _NO_BASE64)
        whole = len(plain) - len(plain) % 4 if block else len(plain)
        self._rest = plain[whole:]
        return from_base64(plain[:whole])


class _QuotedPrintable:
    """White space at the end of a line was put there on the way (rfc2045#6.7)."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, block: bytes) -> bytes:
        plain = self._rest + block
        if any(blank in plain for blank in _BLANKS):
            plain = _TRAILING.sub(b"", plain)
        if block:
            plain = _ODD.sub(b"=3D", plain)
            whole = self._whole(plain)
        else:
            plain = _LAST_ODD.sub(b"=3D", plain.rstrip(b" \t"))
            whole = len(plain)
        self._rest = plain[whole:]
        return a2b_qp(plain[:whole])

    def _whole(self, plain: bytes) -> int:
        """What can be decoded without knowing what follows."""
        end = max(len(plain.rstrip(b" \t\r")), len(plain) - _RUN)
        cut = plain.find(b"=", max(0, end - 2), end)
        return end if cut < 0 else cut
