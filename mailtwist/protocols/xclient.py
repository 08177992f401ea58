"""XCLIENT: tells a server that trusts us who the client is, in Postfix's way and in Dovecot's.  rfc3461#4"""

import re
from collections.abc import Mapping, Sequence

LONGEST = 512
"""Octets of an SMTP command with its CRLF, which is what Postfix reads."""

LONGEST_OF_DOVECOT = 1024
"""The same in Dovecot's POP3 and ManageSieve servers."""

UNAVAILABLE = "[UNAVAILABLE]"

_BY_WORTH = (
    *("ADDR", "LOGIN", "TTL", "PORT", "PROTO", "SESSION", "CLIENT-TRANSPORT", "DESTADDR", "DESTPORT"),
    *("NAME", "DESTNAME", "HELO"),
)
"""The client writes HELO as long as it likes: that is no reason to leave another one out."""

_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")
_NAME = re.compile(r"[A-Z-]{1,20}")


def xtext(value: str) -> bytes:
    """Octets outside of printable ASCII, `+` and `=` as `+HH` (rfc3461#4)."""
    return _NOT_XTEXT.sub(lambda found: b"+%02X" % found[0][0], value.encode("utf-8"))


def address(text: str) -> str:
    """An IP address as XCLIENT has it."""
    return f"IPV6:{text}" if ":" in text else text


def command(offered: Sequence[str], facts: Mapping[str, str]) -> tuple[frozenset[str], bytes]:
    """Which of `facts` (attribute and value) are told to a server that offers these attributes, and the
    command that does it, b"" for none.  It is one line, because Postfix forgets with each what the one before
    said, and who has told ADDR may tell no more; what does not fit is not told."""
    known = {name.upper() for name in offered}
    left = LONGEST - len(b"XCLIENT\r\n")
    words: list[tuple[str, bytes]] = []
    for name in sorted(facts, key=_worth):
        word = b" %s=%s" % (name.encode("ascii"), xtext(facts[name] or UNAVAILABLE))
        if name in known and _NAME.fullmatch(name) and len(word) <= left:
            words.append((name, word))
            left -= len(word)
    if not words:
        return frozenset(), b""
    line = b"".join(word for _, word in reversed(words))
    return frozenset(name for name, _ in words), b"XCLIENT%b\r\n" % line


def _worth(name: str) -> int:
    return _BY_WORTH.index(name) if name in _BY_WORTH else len(_BY_WORTH)


def one_command(facts: Mapping[str, str]) -> bytes:
    """The one line for Dovecot's POP3 and ManageSieve servers, where nothing is escaped: a value with a
    blank or other letters is not told, and none that makes the line too long."""
    line = b"XCLIENT"
    for name, value in facts.items():
        word = f" {name}={value}".encode("ascii", "replace")
        fits = (
            _NAME.fullmatch(name) and value and value.isascii() and value.isprintable() and " " not in value
        )
        if fits and len(line) + len(word) + 2 <= LONGEST_OF_DOVECOT:
            line += word
    return line + b"\r\n"
