"""Names of servers as certificates and ClientHellos spell them.  rfc6066#3 rfc9525#6.3"""

import re
from collections.abc import Iterable, Set
from typing import Self

import idna

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def server_name(text: str) -> str:
    """`text` in lower case, as A-labels, without the last dot; `*.` may stand for the first label.
    ValueError with words for the operator when it is no host name."""
    name = text.strip().lower().rstrip(".")
    star, rest = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if not rest.isascii():
        try:
            rest = idna.encode(rest, uts46=True).decode()
        except idna.IDNAError:
            raise ValueError(f"{text!r} is not a host name")
    if not _is_host(rest):
        raise ValueError(f"{text!r} is not a host name; write one like mail.example.org")
    return star + rest


def asked_name(raw: bytes) -> str:
    """What a ClientHello asks for, ready to be looked up; "" when that cannot be a host name."""
    try:
        name = raw.decode("ascii").lower()
    except UnicodeDecodeError:
        return ""
    name = name.removesuffix(".")
    return name if _is_host(name) else ""


def wildcard_of(name: str) -> str:
    """The one wildcard that covers `name`: its first label replaced (rfc9525#6.3)."""
    return "*." + name.partition(".")[2]


def covers(names: Iterable[str], name: str) -> bool:
    """A certificate for `names` may be shown to somebody who asked for `name`."""
    known = names if isinstance(names, Set) else set(names)  # of many names one who asks often has a set
    return name in known or wildcard_of(name) in known


class ServerName(str):
    """One host name as `server_name` spells it, or ""."""

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(server_name(text))


class ServerNames(tuple[str, ...]):
    """Host names, separated by commas or blanks."""

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(dict.fromkeys(server_name(word) for word in re.split(r"[\s,]+", text.strip()) if word))


def _is_host(name: str) -> bool:
    labels = name.split(".")
    if len(name) > 253 or labels[-1].isdigit():  # 192.0.2.1 is not a name
        return False
    return all(_LABEL.fullmatch(label) for label in labels)
