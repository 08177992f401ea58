"""What the client hears: +OK and -ERR, with a response code where there is one.  rfc2449#8 rfc3206#4"""

import re

from mailtwist.auth.api import EncryptionRequired, LoginRefused, LoginUnavailable
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.pop3.command import Answer, No
from mailtwist.protocols.pop3.language import ENGLISH, Language
from mailtwist.store.api import MailboxInUse

# One face for all that can be wrong with a login, another for all that is only away.
_LOGIN: dict[type[Trouble], str] = {
    LoginRefused: "Authentication failed.",
    LoginUnavailable: "Try again later.",
    EncryptionRequired: "TLS required",
}
_NOT_TEXT = re.compile(rb"[^\x20-\x7e]+")
_ROOM = 500  # rfc2449#4: 512 with "-ERR" and CRLF


def ok(answer: Answer, language: Language = ENGLISH) -> bytes:
    """One line with CRLF."""
    said = filter(None, (_ascii(answer.told), _text(answer.words, language)))
    return b" ".join((b"+OK", *said)) + b"\r\n"


def err(words: str, code: str = "", language: Language = ENGLISH) -> bytes:
    """One line with CRLF.  The words cannot end it or look like a code, whatever is in them."""
    text = _text(words, language)
    if code:
        text = b"[%b] %b" % (_ascii(code), text)
    elif text.startswith(b"["):
        text = b". " + text
    return b"-ERR %b\r\n" % text


def refusal(trouble: Trouble, language: Language = ENGLISH) -> bytes:
    """The -ERR that answers a command."""
    words = next((said for kind, said in _LOGIN.items() if isinstance(trouble, kind)), trouble.public)
    return err(words, _code(trouble), language)


def _code(trouble: Trouble) -> str:
    if isinstance(trouble, No):
        return trouble.code
    if isinstance(trouble, MailboxInUse):
        return "IN-USE"
    if trouble.status in ("5.7.8", "5.7.11"):
        return "AUTH"
    if trouble.temporary:
        return "SYS/TEMP"
    return "SYS/PERM" if trouble.status.startswith("5.3.") else ""


def _text(words: str, language: Language) -> bytes:
    """In the language, which may need UTF-8 (rfc6856#3.2), or else in English."""
    own = language.said(words)
    return _ascii(words) if own == words else own.encode()


def _ascii(words: str) -> bytes:
    return _NOT_TEXT.sub(b"?", words.encode("ascii", "replace"))[:_ROOM]
