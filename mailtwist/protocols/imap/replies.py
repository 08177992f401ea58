"""What the client hears of trouble: response codes and words.  rfc3501#7.1 rfc5530#3"""

import re

from mailtwist.auth.api import EncryptionRequired, LoginRefused, LoginUnavailable
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.imap.command import No
from mailtwist.store.api import (
    CannotDo,
    Damaged,
    HasChildren,
    LimitReached,
    MailboxExists,
    MailboxInUse,
    MessageGone,
    NoSuchMailbox,
)

_BY_KIND: dict[type[Trouble], str] = {
    NoSuchMailbox: "NONEXISTENT",
    MailboxExists: "ALREADYEXISTS",
    LimitReached: "LIMIT",
    HasChildren: "HASCHILDREN",
    CannotDo: "CANNOT",
    MessageGone: "EXPUNGEISSUED",
    MailboxInUse: "INUSE",
    Damaged: "CORRUPTION",
}
_BY_STATUS = {
    "4.2.2": "OVERQUOTA",
    "5.2.2": "OVERQUOTA",
    "5.2.3": "TOOBIG",
    "5.3.4": "TOOBIG",
    "4.3.5": "CONTACTADMIN",
    "5.3.5": "CONTACTADMIN",
    "5.7.8": "AUTHENTICATIONFAILED",
    "5.7.11": "PRIVACYREQUIRED",
    "5.7.1": "NOPERM",
}
# One face for all that can be wrong with a login, another for all that is only away.
_LOGIN: dict[type[Trouble], str] = {
    LoginRefused: "Authentication failed.",
    LoginUnavailable: "Try again later.",
    EncryptionRequired: "Not without TLS.",
}
_NOT_TEXT = re.compile(rb"[^\x20-\x7e]+")


def refusal(trouble: Trouble) -> tuple[str, str]:
    """The response code ("" for none) and the words of the NO that answers a command."""
    words = next((said for kind, said in _LOGIN.items() if isinstance(trouble, kind)), trouble.public)
    if isinstance(trouble, No):
        return trouble.code, words
    for kind, code in _BY_KIND.items():
        if isinstance(trouble, kind):
            return code, words
    return _BY_STATUS.get(trouble.status, "UNAVAILABLE" if trouble.temporary else ""), words


def status(tag: bytes, kind: bytes, words: str, code: str = "") -> bytes:
    """One status response with CRLF; `tag` b"" is untagged.  The words cannot end the line or look like a
    code, whatever is in them."""
    text = _NOT_TEXT.sub(b"?", words.encode("ascii", "replace")) or b"Done"
    if code:
        text = b"[%b] %b" % (_NOT_TEXT.sub(b"?", code.encode("ascii", "replace")), text)
    elif text.startswith(b"["):
        text = b". " + text
    return b"%b %b %b\r\n" % (tag or b"*", kind, text)
