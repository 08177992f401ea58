"""Where a message has been: the Received and Return-Path lines we add, and the ones we count."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime

from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope

_ODD = re.compile(r"[^A-Za-z0-9.:_\-\[\]]")
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_LONGEST_NAME = 16


def written(address: Address) -> str:
    """`<local@domain>`, quoted where it must be; `<>` for the null path."""
    if address.null:
        return "<>"
    local = address.local
    if not _DOT_STRING.fullmatch(local):
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"<{local}@{address.domain}>" if address.domain else f"<{local}>"


def return_path(envelope: Envelope) -> bytes:
    """rfc5321#4.4: at final delivery, exactly one, on top."""
    return f"Return-Path: {written(envelope.sender)}\r\n".encode()


def received(envelope: Envelope, *, by: str, protocol: str, id: str, now: float) -> bytes:
    """rfc5321#4.4.  The name the client gave itself cannot say more than a name does."""
    name = _ODD.sub("?", envelope.helo)[:255] or "unknown"
    peer = f" ([{_literal(envelope.peer)}])" if envelope.peer else ""
    at = format_datetime(datetime.fromtimestamp(now, UTC).replace(microsecond=0))
    lines = [f"Received: from {name}{peer}", f"\tby {by} (mailtwist) with {protocol} id {id}"]
    if len(envelope.recipients) == 1:  # of several, none may learn of the others
        lines.append(f"\tfor {written(envelope.recipients[0].address)}")
    return ("\r\n".join(lines) + f"; {at}\r\n").encode()


def _literal(peer: str) -> str:
    return f"IPv6:{peer}" if ":" in peer else peer


class Hops:
    """Counts the Received lines of a message that comes in pieces, wherever it is cut."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = b""
        self._in_header = True

    def see(self, chunk: bytes) -> None:
        if not self._in_header:
            return
        text = self._rest + chunk
        if (end := _end_of_header(text)) is not None:
            self._in_header = False
            text = text[:end]
        whole = text.rfind(b"\n") + 1
        self.count += len(_RECEIVED.findall(text[:whole]))
        # Of a line that goes on, its beginning decides; and its end, should that be half of a CRLF.
        rest = text[whole:]
        self._rest = rest[:_LONGEST_NAME] + (b"\r" if rest[_LONGEST_NAME:].endswith(b"\r") else b"")


def _end_of_header(text: bytes) -> int | None:
    if text.startswith(b"\r\n"):
        return 0
    end = text.find(b"\r\n\r\n")
    return None if end < 0 else end + 2
