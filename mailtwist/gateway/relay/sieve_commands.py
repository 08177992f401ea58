"""Which ManageSieve commands pass after login, in what form, and what CAPABILITY says of it."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sieve.command import Answer, Capability
from mailtwist.protocols.sieve.replies import ok
from mailtwist.protocols.sieve.words import Frame, Word, is_plain, string

NEVER = frozenset(["AUTHENTICATE", "UNAUTHENTICATE", "STARTTLS", "COMPRESS", "CAPABILITY"])
"""No setting lets these through: who has logged in stays who he is, TLS is ours, and so is CAPABILITY."""

EARLY = frozenset(["SIEVE", "NOTIFY", "MAXREDIRECTS", "EXTLISTS"])
"""What a server behind offers and we say before login."""

LATE = EARLY | {"IMPLEMENTATION", "LANGUAGE", "OWNER", "VERSION"}
"""And after it."""

LONGEST_NAME = 512
"""Octets; 128 characters are what a server has to take (rfc5804#1.6)."""

_UNPRINTABLE = frozenset(("Cc", "Zl", "Zp", "Cs"))


@dataclass(frozen=True, slots=True)
class Kind:
    """The words of a command, a letter each: `n` is the name of a script (or nothing), `s` a script, `#` a
    number.  `?` is a plain string or none, `*` are plain strings and numbers as they come."""

    words: str


_BASE = {
    "LOGOUT": Kind(""),
    "LISTSCRIPTS": Kind(""),
    "HAVESPACE": Kind("n#"),
    "PUTSCRIPT": Kind("ns"),
    "SETACTIVE": Kind("n"),
    "GETSCRIPT": Kind("n"),
    "DELETESCRIPT": Kind("n"),
}
_NEWER = {"RENAMESCRIPT": Kind("nn"), "CHECKSCRIPT": Kind("s"), "NOOP": Kind("?")}
"""Servers without VERSION know these not (rfc5804#1.7), and take a script to be checked for commands."""


@dataclass(frozen=True, slots=True)
class Table:
    """What passes, by upper-case name, and the answer to CAPABILITY."""

    kinds: Mapping[str, Kind]
    capability: bytes

    def streams(self, name: str, words: Sequence[Word]) -> bool:
        """A literal behind these words is a script, which passes in blocks."""
        kind = self.kinds.get(name)
        return kind is not None and kind.words[len(words) : len(words) + 1] == "s"


def needed(kind: Kind | None, frame: Frame) -> None:
    """`Malformed` for a command that does not pass, or has not the words that it needs."""
    if kind is None:
        raise Malformed("Unknown command, or not now")
    if kind.words in ("?", "*"):
        _all_plain(frame.words, most=1 if kind.words == "?" else 8)
        return
    given: list[Word | None] = [*frame.words, *([None] if frame.announced is not None else [])]
    if len(given) != len(kind.words) or not all(map(_fits, kind.words, given)):
        raise Malformed("Not the arguments of this command")


def _fits(letter: str, word: Word | None) -> bool:
    if letter == "#":
        return isinstance(word, int)
    if letter == "s":
        return word is None or isinstance(word, bytes)
    return isinstance(word, bytes) and is_name(word)


def is_name(octets: bytes) -> bool:
    """A script can be called so (rfc5804#1.6), or it is nothing: what SETACTIVE makes of no script."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return False
    return len(octets) <= LONGEST_NAME and not any(unicodedata.category(c) in _UNPRINTABLE for c in text)


def _all_plain(words: Sequence[Word], most: int) -> None:
    if len(words) > most or not all(isinstance(word, int) or is_plain(word) for word in words):
        raise Malformed("Not the arguments of this command")


def spelled(name: str, words: Sequence[Word]) -> bytes:
    """A command, without CRLF, as any server reads it."""
    said = [string(word) if isinstance(word, bytes) else b"%d" % word for word in words]
    return b" ".join((name.encode("ascii"), *said))


@lru_cache(maxsize=256)
def table(offers: tuple[str, ...], allow: tuple[str, ...]) -> Table:
    """For a server with these capabilities after login, `NAME value` each."""
    told = told_of(offers, LATE)
    kinds = dict(_BASE)
    if any(name == "VERSION" for name, _ in told):
        kinds |= _NEWER
    kinds |= {name: Kind("*") for name in allow if name not in kinds}
    return Table(kinds, ok(Answer("Capability completed", capabilities=told)))


def told_of(offers: Sequence[str], carried: frozenset[str]) -> list[Capability]:
    """The capabilities that we can keep."""
    parts = [line.partition(" ") for line in offers]
    return [
        (name.upper(), value if blank else None) for name, blank, value in parts if name.upper() in carried
    ]
