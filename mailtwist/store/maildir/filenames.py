"""Names of message files: what a Maildir says of a message without opening it.

`1795285837.M972164P14840Q1R5c0y.host,S=17,W=20,I=6b01e355.7:2,FS`: who made it, its size here, its size
with CRLF, its UIDVALIDITY and UID, then its flags.  `Z=` is the time zone of its date, `X=1` says that lone
LFs are its own and not line ends of the file system."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from secrets import token_hex

from mailtwist.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

FLAG_OF_LETTER: Mapping[str, str] = {"D": DRAFT, "F": FLAGGED, "R": ANSWERED, "S": SEEN, "T": DELETED}
LETTER_OF_FLAG: Mapping[str, str] = {flag: letter for letter, flag in FLAG_OF_LETTER.items()}

_LETTERS = re.compile("[A-Za-z]+")
_SANE = re.compile(r"[A-Za-z0-9._=+-]{1,120}")
_NUMBER = re.compile("[0-9]{1,15}")
_IDENTITY = re.compile(r"([0-9a-f]{1,8})\.([0-9]{1,10})")
_ZONE = re.compile("-?[0-9]{1,4}")
_STARTED = re.compile("[0-9]{1,15}")
_counter = count(1)
_run = token_hex(4)  # others may have our number, in a container of their own
_host = re.sub(r"[^A-Za-z0-9.-]", "_", os.uname().nodename)[:60]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the fields of a file's name say; None where they say nothing."""

    size: int | None = None
    crlf_size: int | None = None
    uid_validity: int | None = None
    uid: int | None = None
    zone: int = 0
    exact: bool = False


def split(name: str) -> tuple[str, str]:
    """What stays the same of a name, and the letters of its flags."""
    base, _, info = name.partition(":")
    letters = _LETTERS.match(info, 2) if info.startswith("2,") else None
    return base, in_order(letters[0]) if letters else ""


def joined(base: str, letters: str) -> str:
    return f"{base}:2,{letters}"


def in_order(letters: str) -> str:
    """Each letter once, in ASCII order, as Maildir asks for."""
    return "".join(sorted(set(letters)))


def facts_of(base: str) -> Facts:
    fields = dict(field.split("=", 1) for field in base.split(",")[1:] if "=" in field)
    identity = _IDENTITY.fullmatch(fields.get("I", ""))
    zone = fields.get("Z", "")
    return Facts(
        size=_number(fields.get("S", "")),
        crlf_size=_number(fields.get("W", "")),
        uid_validity=int(identity[1], 16) if identity else None,
        uid=int(identity[2]) if identity else None,
        zone=int(zone) if _ZONE.fullmatch(zone) else 0,
        exact=fields.get("X") == "1",
    )


def base_of(maker: str, facts: Facts) -> str:
    """The name without flags of a message of ours."""
    fields = [maker, f"S={facts.size}", f"W={facts.crlf_size}"]
    if facts.uid_validity is not None:
        fields.append(f"I={facts.uid_validity:x}.{facts.uid}")
    if facts.zone:
        fields.append(f"Z={facts.zone}")
    if facts.exact:
        fields.append("X=1")
    return ",".join(fields)


def new_maker(now: float) -> str:
    """The first part of a name that no other file has."""
    seconds, fraction = divmod(now, 1)
    return f"{int(seconds)}.M{int(fraction * 1e6)}P{os.getpid()}Q{next(_counter)}R{_run}.{_host}"


def maker_of(base: str, now: float) -> str:
    """The first part of `base`, or a new one where it is nothing to keep."""
    maker = base.split(",", 1)[0]
    return maker if _SANE.fullmatch(maker) else new_maker(now)


def age(name: str) -> str:
    """Sorts names by the time they begin with, then by their other numbers: the order in which the messages
    came.  One string, because very many are sorted, and nobody else gets a turn meanwhile."""
    started = _STARTED.match(name)
    numbers = "".join([number.zfill(15) for number in _STARTED.findall(name, 0, 64)])
    return f"{started[0] if started else '':0>15}{numbers}\0{name}"


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
