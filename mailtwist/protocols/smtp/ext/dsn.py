"""DSN: when the sender wants to be told what became of the mail, and under which names.  rfc3461#4

Who is told DSN leaves the reports to us (rfc3461#5), so it is told only where they are sent."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mailtwist.mail.envelope import OriginalRecipient
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import from_xtext

LONGEST_ENVID = 100
LONGEST_ORCPT = 500

_PRINTABLE = re.compile(r"[\t -~]+")
_BEYOND = re.compile(r"[\t -~\u00a0-\u2027\u202a-\U0010ffff]+")
_KIND = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_OCCASIONS = frozenset({"SUCCESS", "FAILURE", "DELAY"})


def _ret(value: str | None, door: Door) -> Mapping[str, Any]:
    if value is None or value.upper() not in ("FULL", "HDRS"):
        raise Malformed("Expected FULL or HDRS")
    return {"ret": value.upper()}


def _envid(value: str | None, door: Door) -> Mapping[str, Any]:
    """It will stand in the header of a report, so it may hold nothing that ends a line."""
    name = _ascii(value or "")
    if len(name) > LONGEST_ENVID:
        raise Malformed(f"Expected at most {LONGEST_ENVID} characters")
    return {"envid": name}


def _notify(value: str | None, door: Door) -> Mapping[str, Any]:
    words = frozenset((value or "").upper().split(","))
    if words == {"NEVER"}:
        return {"notify": frozenset()}
    if not words <= _OCCASIONS:
        raise Malformed("Expected NEVER, or some of SUCCESS,FAILURE,DELAY")
    return {"notify": words}


def _orcpt(value: str | None, door: Door) -> Mapping[str, Any]:
    kind, semicolon, address = (value or "").partition(";")
    if not semicolon or not _KIND.fullmatch(kind):
        raise Malformed("Expected an address type and an address")
    if len(address) > LONGEST_ORCPT:
        raise Malformed(f"Expected at most {LONGEST_ORCPT} characters")
    kind = kind.lower()
    return {"orcpt": OriginalRecipient(kind, _of_utf8(address) if kind == "utf-8" else _ascii(address))}


def _ascii(value: str) -> str:
    """Decoded; printable, as reports need it (rfc3461#4.2)."""
    text = from_xtext(value).decode("latin-1")
    if not _PRINTABLE.fullmatch(text):
        raise Malformed("Not printable ASCII")
    return text


def _of_utf8(value: str) -> str:
    """Characters beyond ASCII stand for themselves or are written `\\x{HEX}` (rfc6533#3)."""
    if value.isascii():
        value = from_xtext(value).decode("latin-1")
    text = _ESCAPED.sub(_character, value)
    if not _BEYOND.fullmatch(text):
        raise Malformed("Not printable")
    return text


def _told(door: Door) -> Sequence[str]:
    return ("DSN",) if door.reports else ()


def _character(found: re.Match[str]) -> str:
    point = int(found[1], 16)
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise Malformed("Not a character")
    return chr(point)


extension = Extension(
    name="dsn",
    rfc=3461,
    telling=_told,
    mail_parameters={"RET": _ret, "ENVID": _envid},
    rcpt_parameters={"NOTIFY": _notify, "ORCPT": _orcpt},
)
