"""Distinguished names: values put into them, and read from them.  rfc4514"""

import re
from collections.abc import Iterator

LONGEST = 8192
"""Characters; nothing is read of what has more."""

_PLAIN = re.compile(rb"[A-Za-z0-9._@-]")
_PART = re.compile(r"((?:[^\\,;]++|\\[0-9A-Fa-f]{2}|\\.)*+)(?:[,;]|\Z)", re.DOTALL)
_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\.", re.DOTALL)


def escaped(value: str) -> str:
    """`value` as it may stand anywhere in a DN: whatever could mean something there is written in
    hexadecimal (rfc4514#2.4)."""
    octets = value.encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if _PLAIN.fullmatch(bytes([octet])) else f"\\{octet:02x}" for octet in octets)


def parts(dn: str) -> tuple[tuple[str, str], ...]:
    """The attribute in lower case and the value of each part, from the first on; ('', text) for what is
    none."""
    return tuple(_each(dn))


def same(one: str, other: str) -> bool:
    """They name the same entry, as far as upper case, blanks and escapes are concerned."""
    return folded(one) == folded(other)


def folded(dn: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, " ".join(value.casefold().split())) for name, value in parts(dn))


def first_value(dn: str) -> str:
    """`staff` of `cn=staff,ou=groups,...`; '' when it has none."""
    name, value = next(_each(dn), ("", ""))
    return value if name else ""


def _each(dn: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(dn) <= LONGEST and (part := _PART.match(dn, at)):
        name, equals, value = part[1].partition("=")
        yield (name.strip().lower(), _plain(_stripped(value))) if equals else ("", part[1])
        at = part.end()


def _stripped(value: str) -> str:
    """Without blanks around it, unless the last one is escaped."""
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    slashes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if slashes % 2 and bare != value else bare


def _plain(value: str) -> str:
    return _ESCAPED.sub(_unescaped, value)


def _unescaped(found: "re.Match[str]") -> str:
    text = found[0]
    if len(text) == 2:
        return text[1]
    return bytes.fromhex(text.replace("\\", "")).decode("utf-8", "replace")
