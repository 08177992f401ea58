"""The header of a message or a part: where it ends, and its fields; no octets make it fail.  rfc5322#2.2"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

LIMIT = 256 * 1024
"""Fields are looked for in so many octets of a header; what lies behind is only octets."""

FIELDS = 10_000
"""Fields whose values are looked at; nobody wants more."""

FEW = 500
"""Octets of names that a pattern is made of."""

_FIELD = re.compile(rb"(?:([^\x00-\x20:\x7f][^:\r\n]*+):)?[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)")
_NAME = re.compile(rb"[^\x00-\x20:\x7f](?:[^:\r\n]*[^: \t\r\n])?")
_BEGINNING = re.compile(rb"[^\x00-\x20:\x7f][^:\r\n]*+:")
_LINE_END = re.compile(rb"\r?\n")


def end(octets: bytes, start: int = 0) -> int:
    """Behind the empty line that ends the header, or -1 when there is none; looked for from `start`, which is
    at least two octets before what was not looked through yet."""
    if start == 0 and (octets.startswith(b"\n") or octets.startswith(b"\r\n")):
        return octets.index(b"\n") + 1
    before = max(0, start - 1)  # the line end of the last field
    crlf = octets.find(b"\n\r\n", before)
    lf = octets.find(b"\n\n", before, None if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else -1


def begins(octets: bytes) -> bool:
    """The first that is there is a field, the empty line that ends a header, or nothing at all: what stands
    on top of these octets does not go on with their first line."""
    return not octets or octets.startswith(b"\r\n") or _BEGINNING.match(octets) is not None


def fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name in lower case, the field as it stands with its folds and line end) up to the empty line.  A line
    that is no field has the name b""."""
    for found in _FIELD.finditer(header):
        raw = found[0]
        if raw in (b"\r\n", b"\n", b""):
            return
        yield (found[1] or b"").rstrip(b" \t").lower(), raw


def named(header: bytes, names: frozenset[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The same for some of them; a header of very many lines is not looked at line by line for a few."""
    if sum(map(len, names)) > FEW:
        yield from (one for one in fields(header) if one[0] in names)
        return
    for found in _looking_for(names).finditer(header, 0, _fields_end(header)):
        yield found[1].lower(), found[0]


def _fields_end(header: bytes) -> int:
    found = end(header)
    return len(header) if found < 0 else found - 1


@lru_cache(maxsize=256)
def _looking_for(names: frozenset[bytes]) -> re.Pattern[bytes]:
    sought = b"|".join(map(re.escape, sorted(filter(_NAME.fullmatch, names)))) or rb"(?!)"
    return re.compile(rb"(?im)^(" + sought + rb")[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)")


def value(raw: bytes) -> bytes:
    """What a field says: unfolded, without the space around it."""
    return _LINE_END.sub(b"", raw.partition(b":")[2]).strip(b" \t\r\n")


def values(header: bytes, wanted: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """The values of the fields named in `wanted` (lower case), in the order of the header; of more than
    `FIELDS` the first."""
    found: dict[bytes, list[bytes]] = {}
    for name, raw in islice(named(header, frozenset(wanted)), FIELDS):
        found.setdefault(name, []).append(value(raw))
    return found


def subset(header: bytes, names: Iterable[bytes], *, without: bool = False) -> bytes:
    """The fields named (lower case), or all others, as they stand, and the empty line that ends the header;
    none where the header has none (rfc9051#6.4.5.1: a message without body and blank line)."""
    listed = frozenset(names)
    if without:
        chosen = b"".join(raw for name, raw in fields(header) if name not in listed)
    else:
        chosen = b"".join(raw for _, raw in named(header, listed))
    if end(header) == -1 and len(header) < LIMIT:
        return chosen
    return chosen + (b"" if not chosen or chosen.endswith(b"\n") else b"\r\n") + b"\r\n"
