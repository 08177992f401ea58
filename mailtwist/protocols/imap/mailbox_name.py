"""Mailbox names as IMAP writes them: modified UTF-7, or UTF-8 where that was agreed on.  rfc3501#5.1.3"""

import re
from functools import lru_cache

from mailtwist.mail import utf7
from mailtwist.store.api import INBOX, CannotDo

LONGEST = 1000
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # rfc9051#5.1 rfc6855#3


def decoded(octets: bytes, *, utf8: bool = False) -> str:
    """The name as text, INBOX in its one spelling; `CannotDo` for what can be no name.  Modified UTF-7 is
    read strictly: two spellings of one mailbox would be two mailboxes to the client.  With `utf8` there is
    none (rfc6855#3)."""
    if len(octets) > LONGEST:
        raise CannotDo("The mailbox name is too long")
    text = _decoded(octets, utf8)
    if text is None:
        raise CannotDo(f"The mailbox name is not {'UTF-8' if utf8 else 'modified UTF-7'}")
    if _CONTROL.search(text):
        raise CannotDo("The mailbox name has a control character in it")
    return INBOX if text.upper() == INBOX else text


def decoded_pattern(octets: bytes, *, utf8: bool = False) -> str | None:
    """The same for what LIST takes: wildcards stay, INBOX stays as it is.  None for what no name can fit."""
    return _decoded(octets, utf8) if len(octets) <= LONGEST else None


@lru_cache(maxsize=1024)
def _decoded(octets: bytes, utf8: bool) -> str | None:
    try:
        return octets.decode("utf-8") if utf8 else utf7.decoded(octets.decode("ascii"))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def quoted(name: str, *, utf8: bool = False) -> bytes:
    """`name` as answers hold it."""
    octets = (
        _CONTROL.sub("?", name).encode("utf-8", "replace") if utf8 else utf7.encoded(name).encode("ascii")
    )
    return b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
