"""Transfer encodings undone in blocks, however broken: what cannot be read is left out.  rfc2045#6"""

from binascii import a2b_base64, a2b_qp
from collections.abc import Callable

Decode = Callable[[bytes], bytes]
"""One block after the other, and b"" at the end."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
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
    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, block: bytes) -> bytes:
        plain = self._rest + block
        cut = plain.rfind(b"=", max(0, len(plain) - 2)) if block else -1
        whole = len(plain) if cut < 0 else cut
        self._rest = plain[whole:]
        return a2b_qp(plain[:whole])
