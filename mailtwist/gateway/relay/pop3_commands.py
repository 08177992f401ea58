"""Which POP3 commands pass after login, and what CAPA says of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mailtwist.protocols.errors import Malformed

NEVER = frozenset(["USER", "PASS", "APOP", "AUTH", "STLS", "XCLIENT", "XOIP", "XTND", "CAPA", "UTF8"])
"""No setting lets these through: who has logged in stays who he is, TLS is ours, and so is CAPA.  UTF8 has
its place before the login (rfc6856#2.1), which is over."""

EARLY = frozenset(["TOP", "UIDL", "EXPIRE", "LOGIN-DELAY", "LANG"])
"""What a server behind may offer and we say before login."""

LATE = EARLY | {"IMPLEMENTATION"}
"""And after it; what we do ourselves is added."""

_OURS = ("PIPELINING", "RESP-CODES", "AUTH-RESP-CODE")
_NUMBER = rb"[0-9]{1,10}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A command: its arguments, one blank between them, and whether its answer goes on behind a +OK: with no
    arguments `bare`, `always` or `never`."""

    arguments: re.Pattern[bytes]
    lines: Literal["never", "bare", "always"] = "never"

    def has_lines(self, arguments: bytes) -> bool:
        return self.lines == "always" or (self.lines == "bare" and not arguments)


_NOTHING = Kind(re.compile(b""))
_ONE = Kind(re.compile(_NUMBER))
_SOME = Kind(re.compile(rb"(?:%b)?" % _NUMBER), "bare")
_PLAIN = Kind(re.compile(rb"[\x20-\x7e]*"))

_BASE = {
    **dict.fromkeys(("STAT", "NOOP", "RSET", "QUIT"), _NOTHING),
    "LIST": _SOME,
    "RETR": Kind(_ONE.arguments, "always"),
    "DELE": _ONE,
}
_OPTIONAL = {
    "TOP": Kind(re.compile(rb"%b %b" % (_NUMBER, _NUMBER)), "always"),
    "UIDL": _SOME,
    "LANG": Kind(re.compile(rb"(?:\*|[A-Za-z0-9-]{1,64})?"), "bare"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """What passes, by upper-case name; the answer to CAPA; and whether the server takes commands before it
    has answered the one before."""

    kinds: Mapping[bytes, Kind]
    capa: bytes
    pipelines: bool

    def command(self, line: bytes) -> tuple[bytes, bytes]:
        """The name and the arguments of a client's line, as they are sent on.  `Malformed` for what does not
        pass."""
        words = line.split()
        name = words[0].upper() if words else b""
        arguments = b" ".join(words[1:])
        if name == b"CAPA" and not arguments:
            return name, b""
        kind = self.kinds.get(name)
        if kind is None:
            raise Malformed("Unknown command, or not now")
        if not kind.arguments.fullmatch(arguments):
            raise Malformed("Not the arguments of this command")
        return name, arguments


@lru_cache(maxsize=256)
def table(offers: tuple[str, ...], allow: tuple[str, ...]) -> Table:
    """For a server with these lines of CAPA after login (none: it is older than CAPA)."""
    offered = {line.split(" ")[0].upper() for line in offers}
    kinds = _BASE | {name: kind for name, kind in _OPTIONAL.items() if name in offered}
    if not offered:
        kinds |= {"TOP": _OPTIONAL["TOP"], "UIDL": _OPTIONAL["UIDL"]}
    kinds |= {name: _PLAIN for name in allow if name not in kinds}
    told = [*_OURS, *told_of(offers, LATE)]
    capa = "".join(f"{line}\r\n" for line in ("+OK Capability list follows", *told, "."))
    by_name = {name.encode("ascii"): kind for name, kind in kinds.items()}
    return Table(by_name, capa.encode("ascii", "replace"), not offered.isdisjoint({"PIPELINING"}))


def told_of(offers: Sequence[str], carried: frozenset[str]) -> list[str]:
    """The lines of CAPA that we can keep."""
    return [line for line in offers if line.split(" ")[0].upper() in carried]
