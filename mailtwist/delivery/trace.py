"""Where a message has been: the lines that we put on top of it.  rfc5321#4.4"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope
from mailtwist.tls.ciphers import registered

WIDTH = 78
"""Characters of a line (rfc5322#2.1.1); a word that is longer stands alone."""

_ODD = re.compile(r"[^A-Za-z0-9.:_\-\[\]]")
_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")


def mailbox(address: Address) -> str:
    """`local@domain`, quoted where it must be."""
    local = address.local
    if not _DOT_STRING.fullmatch(local):
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{local}@{address.domain}" if address.domain else local


def written(address: Address) -> str:
    """`<local@domain>`; `<>` for the null path."""
    return "<>" if address.null else f"<{mailbox(address)}>"


def return_path(envelope: Envelope) -> bytes:
    """At final delivery, exactly one, on top."""
    return f"Return-Path: {written(envelope.sender)}\r\n".encode()


def delivered_to(address: Address) -> bytes:
    """Which of somebody's addresses it was.  rfc9228#4"""
    return f"Delivered-To: {mailbox(address)}\r\n".encode()


def received(envelope: Envelope, *, by: str, protocol: str, id: str, now: float) -> bytes:
    """Who brought it, to whom, and how.  The name the client gave itself cannot say more than a name does."""
    words = _clauses(envelope, by, protocol, id)
    words[-1] += ";"
    return _folded("Received:", [*words, _date(int(now))])


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def _clauses(envelope: Envelope, by: str, protocol: str, id: str) -> list[str]:
    """What a fold shall not divide where that can be."""
    version, _, cipher = envelope.tls.partition(" ")
    words = [f"from {_ODD.sub('?', envelope.helo)[:255] or 'unknown'}"]
    if envelope.peer:
        words.append(f"([{_literal(envelope.peer)}])")
    words += [f"by {by} (mailtwist)", f"with {protocol}" + (f" ({version})" if version else ""), f"id {id}"]
    if len(envelope.recipients) == 1:  # of several, none may learn of the others
        words.append(f"for {written(envelope.recipients[0].address)}")
    if suite := registered(cipher):
        words.append(f"tls {suite}")  # rfc8314#4.3
    return words


def _folded(name: str, words: list[str]) -> bytes:
    lines = [name]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"\t{word}")
    return ("\r\n".join(lines) + "\r\n").encode()


def _literal(peer: str) -> str:
    return f"IPv6:{peer}" if ":" in peer else peer
