"""Mailbox names as IMAP writes them: Unicode in modified UTF-7, read strictly.  rfc3501#5.1.3"""

import binascii
import re
from functools import lru_cache

from mailtwist.protocols.errors import Malformed
from mailtwist.store.api import INBOX

LONGEST = 1000
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_STRANGE = re.compile(r"[^\x20-\x7e]+|&")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def decoded(octets: bytes) -> str:
    """The name as text, INBOX in its one spelling.  What another spelling would be right for is `Malformed`:
    two spellings of one mailbox would be two mailboxes to the client."""
    text = decoded_pattern(octets)
    return INBOX if text.upper() == INBOX else text


def decoded_pattern(octets: bytes) -> str:
    """The same for what LIST takes: wildcards stay, INBOX stays as it is."""
    if len(octets) > LONGEST:
        raise Malformed("Mailbox name is too long")
    return _decoded(octets)


@lru_cache(maxsize=1024)
def _decoded(octets: bytes) -> str:
    try:
        text = _SHIFTED.sub(_unshifted, octets.decode("ascii"))
    except (ValueError, binascii.Error):
        raise Malformed("Mailbox name is not modified UTF-7") from None
    if _CONTROL.search(text) or encoded(text) != octets:
        raise Malformed("Mailbox name is not modified UTF-7")
    return text


@lru_cache(maxsize=1024)
def encoded(name: str) -> bytes:
    """`name` in modified UTF-7, not quoted.  A lone surrogate, which no client could have sent, is `?`."""
    return _STRANGE.sub(_shifted, name).encode("ascii")


def quoted(name: str) -> bytes:
    """`name` as answers hold it."""
    return b'"%b"' % encoded(name).replace(b"\\", b"\\\\").replace(b'"', b'\\"')


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
