"""XCLIENT: tells a server that trusts us who the client is, in Postfix's way and in Dovecot's.  rfc3461#4"""

import re
from collections.abc import Mapping, Sequence

LONGEST = 512
"""Octets of an SMTP command with its CRLF, which is what Postfix reads."""

LONGEST_OF_DOVECOT = 1024
"""The same in Dovecot's POP3 and ManageSieve servers."""

UNAVAILABLE = "[UNAVAILABLE]"

_LAST = "ADDR"
"""Whoever sends this is somebody else afterwards, and may send no more."""

_FIRST = ("HELO", "PROTO")
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")
_NAME = re.compile(r"[A-Z-]{1,20}")


def xtext(value: str) -> bytes:
    """Octets outside of printable ASCII, `+` and `=` as `+HH` (rfc3461#4)."""
    return _NOT_XTEXT.sub(lambda found: b"+%02X" % found[0][0], value.encode("utf-8"))


def address(text: str) -> str:
    """An IP address as XCLIENT has it."""
    return f"IPV6:{text}" if ":" in text else text


def commands(offered: Sequence[str], facts: Mapping[str, str]) -> Sequence[bytes]:
    """The commands that tell `facts` (attribute and value) to a server that offers these attributes, in
    lines it can take; ADDR comes last, and what does not fit into a line is not told."""
    known = {name.upper() for name in offered}
    pairs = [(name, value) for name, value in facts.items() if name in known and _NAME.fullmatch(name)]
    pairs.sort(key=lambda pair: (pair[0] == _LAST, pair[0] not in _FIRST))
    lines: list[bytes] = []
    line = b"XCLIENT"
    for name, value in pairs:
        word = b" %s=%s" % (name.encode("ascii"), xtext(value or UNAVAILABLE))
        if len(line) + len(word) + 2 > LONGEST:
            lines.append(line)
            line = b"XCLIENT"
        if len(line) + len(word) + 2 <= LONGEST:
            line += word
    return [one + b"\r\n" for one in (*lines, line) if one != b"XCLIENT"]


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
