"""Names in modified UTF-7, as IMAP and Maildir++ write them.  rfc3501#5.1.3"""

import binascii
import re

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_STRANGE = re.compile(r"[^\x20-\x7e]+|&")


def encoded(text: str) -> str:
    """`text` in modified UTF-7; lone surrogates become `?`."""
    return _STRANGE.sub(_shifted, text)


def decoded(text: str) -> str:
    """What `text` encodes; ValueError when it is not what `encoded` would have made of it."""
    try:
        plain = _SHIFTED.sub(_unshifted, text)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if encoded(plain) != text:
        raise ValueError("not modified UTF-7")
    return plain


def _unshifted(found: re.Match[str]) -> str:
    if not found[1]:
        return "&"
    packed = found[1].replace(",", "/")
    return binascii.a2b_base64(packed + "=" * (-len(packed) % 4)).decode("utf-16-be")


def _shifted(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&-"
    packed = binascii.b2a_base64(found[0].encode("utf-16-be", "replace"), newline=False)
    return "&" + packed.decode("ascii").rstrip("=").replace("/", ",") + "-"
