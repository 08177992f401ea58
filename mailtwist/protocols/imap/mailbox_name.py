"""Mailbox names as IMAP writes them: Unicode in modified UTF-7, read strictly.  rfc3501#5.1.3"""

import re
from functools import lru_cache

from mailtwist.mail import utf7
from mailtwist.protocols.errors import Malformed
from mailtwist.store.api import INBOX

LONGEST = 1000
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
        text = utf7.decoded(octets.decode("ascii"))
    except ValueError:
        raise Malformed("Mailbox name is not modified UTF-7") from None
    if _CONTROL.search(text):
        raise Malformed("Mailbox name has a control character in it")
    return text


@lru_cache(maxsize=1024)
def quoted(name: str) -> bytes:
    """`name` as answers hold it."""
    return b'"%b"' % utf7.encoded(name).encode("ascii").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
