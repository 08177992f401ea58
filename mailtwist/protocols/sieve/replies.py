"""What the client hears: OK, NO and BYE, with a response code where there is one.  rfc5804#1.2 rfc5804#1.3"""

import re
from collections.abc import Sequence

from mailtwist.auth.api import EncryptionRequired, LoginRefused, LoginUnavailable
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.sieve.command import Answer, Capability, No
from mailtwist.protocols.sieve.words import is_plain, quoted

# One face for all that can be wrong with a login, another for all that is only away.
_LOGIN: dict[type[Trouble], str] = {
    LoginRefused: "Authentication failed",
    LoginUnavailable: "Try again later",
    EncryptionRequired: "TLS required",
}
_NOT_TEXT = re.compile(rb"[^\x20-\x7e]+")
_ROOM = 500


def ok(answer: Answer) -> bytes:
    """All lines of the answer, with CRLF."""
    return told(answer.capabilities) + _line(b"OK", answer.words, answer.code)


def no(words: str, code: str = "") -> bytes:
    """One line with CRLF.  The words cannot end it, whatever is in them."""
    return _line(b"NO", words, code.encode("ascii"))


def bye(words: str, code: str = "") -> bytes:
    """The connection ends."""
    return _line(b"BYE", words, code.encode("ascii"))


def refusal(trouble: Trouble) -> bytes:
    """The NO that answers a command."""
    words = next((said for kind, said in _LOGIN.items() if isinstance(trouble, kind)), trouble.public)
    return no(words, _code(trouble))


def challenged(challenge: bytes) -> bytes:
    """A line that asks for an answer in a SASL exchange (rfc5804#2.1)."""
    if is_plain(challenge):
        return quoted(challenge) + b"\r\n"
    return b"{%d}\r\n%b\r\n" % (len(challenge), challenge)


def told(capabilities: Sequence[Capability]) -> bytes:
    """A line for each (rfc5804#1.7)."""
    return b"".join(_capability(name, value) for name, value in capabilities)


def _capability(name: str, value: str | None) -> bytes:
    words = [quoted(_ascii(word)) for word in (name, value) if word is not None]
    return b" ".join(words) + b"\r\n"


def _line(kind: bytes, words: str, code: bytes) -> bytes:
    parts = [kind, b"(%b)" % code if code else b"", quoted(_ascii(words)[:_ROOM]) if words else b""]
    return b" ".join(filter(None, parts)) + b"\r\n"


def _code(trouble: Trouble) -> str:
    if isinstance(trouble, No):
        return trouble.code
    if trouble.status == "5.7.11":
        return "ENCRYPT-NEEDED"
    return "TRYLATER" if trouble.temporary else ""


def _ascii(words: str) -> bytes:
    return _NOT_TEXT.sub(b"?", words.encode("ascii", "replace"))
