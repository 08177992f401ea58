"""Filters with places for names: read once, and what is put in can never be more than a value.  rfc4515"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

NOT_A_FILTER = '"{text}" is not a filter: {why}; write one like "(&(objectClass=person)(uid={{local}}))"'
DEEPEST, LONGEST = 20, 4096

_COMPARISON = re.compile(r"([A-Za-z0-9][A-Za-z0-9.;-]*)([~<>]?=)")
_EXTENSIBLE = re.compile(r"([A-Za-z0-9][A-Za-z0-9.;-]*)?(:dn)?(?::([A-Za-z0-9][A-Za-z0-9.-]*))?:=")
_VALUE = re.compile(r"\\([0-9A-Fa-f]{2})|\{([a-z]+)\}|([^()*\\{}\x00]+)")
_TAGS = {"=": 0xA3, ">=": 0xA5, "<=": 0xA6, "~=": 0xA8}

Values = Mapping[str, bytes]
"""What stands for each `{name}`."""

Node = Callable[[Values], bytes]
"""Part of a filter: its encoding, with these values in it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it is written, in parentheses.  `{name}` stands for a value, whose octets are sent as they
    are: LDAP needs no escapes, its text form does."""

    kind: ClassVar[str] = "an LDAP filter"

    text: str
    node: Node = field(repr=False, compare=False)
    places: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        reading = _Reading(" ".join(text.split("\n")).strip())
        try:
            node = reading.whole()
        except ValueError as error:
            raise ValueError(NOT_A_FILTER.format(text=text[:100], why=error)) from None
        return cls(reading.text, node, frozenset(reading.places))

    def encoded(self, **values: str | bytes) -> bytes:
        """For a search; a KeyError when a value is missing."""
        return self.node({name: _octets(value) for name, value in values.items()})

    def __str__(self) -> str:
        return self.text


def both(one: Filter, other: Filter) -> Filter:
    return Filter(f"(&{one}{other})", _several(0xA0, [one.node, other.node]), one.places | other.places)


def _octets(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


class _Reading:
    """One text, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places: set[str] = set()
        self._at = 0

    def whole(self) -> Node:
        if len(self.text) > LONGEST:
            raise ValueError(f"it has more than {LONGEST} characters")
        node = self._filter(DEEPEST)
        if self._at != len(self.text):
            raise ValueError(f"something follows its end at character {self._at + 1}")
        return node

    def _filter(self, deeper: int) -> Node:
        if not deeper:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        self._expect("(")
        sign = self.text[self._at : self._at + 1]
        if sign in ("&", "|"):
            self._at += 1
            node = _several(0xA0 if sign == "&" else 0xA1, self._list(deeper))
        elif sign == "!":
            self._at += 1
            node = _several(0xA2, [self._filter(deeper - 1)])
        else:
            node = self._item()
        self._expect(")")
        return node

    def _list(self, deeper: int) -> list[Node]:
        nodes = []
        while self.text[self._at : self._at + 1].isspace() or self.text.startswith("(", self._at):
            if self.text[self._at] == "(":
                nodes.append(self._filter(deeper - 1))
            else:
                self._at += 1
        if not nodes:
            raise ValueError("nothing follows & or |")
        return nodes

    def _item(self) -> Node:
        if found := _COMPARISON.match(self.text, self._at):
            self._at = found.end()
            return self._compared(found[1], found[2])
        found = _EXTENSIBLE.match(self.text, self._at)
        if not found or not (found[1] or found[3]):
            raise ValueError(f"there is no attribute at character {self._at + 1}")
        self._at = found.end()
        (value,) = self._values(1)
        return _extensible(found[3], found[1], value, bool(found[2]))

    def _compared(self, name: str, sign: str) -> Node:
        values = self._values(LONGEST if sign == "=" else 1)
        if len(values) == 1:
            attribute, (value,) = _string(name), values
            return lambda known: tlv(_TAGS[sign], attribute + tlv(4, value(known)))
        if len(values) == 2 and values[0] is values[1] is _nothing:
            return lambda known: tlv(0x87, name.encode())
        return _substrings(name, values)

    def _values(self, most: int) -> list[Node]:
        """What stands between asterisks."""
        values = [self._value()]
        while len(values) < most and self.text.startswith("*", self._at):
            self._at += 1
            values.append(self._value())
        return values

    def _value(self) -> Node:
        pieces: list[bytes | str] = []
        while found := _VALUE.match(self.text, self._at):
            self._at = found.end()
            if found[2]:
                self.places.add(found[2])
                pieces.append(found[2])
            else:
                pieces.append(bytes.fromhex(found[1]) if found[1] else found[3].encode())
        if not pieces:
            return _nothing
        return lambda known: b"".join(known[one] if isinstance(one, str) else one for one in pieces)

    def _expect(self, sign: str) -> None:
        if not self.text.startswith(sign, self._at):
            raise ValueError(f'there is no "{sign}" at character {self._at + 1}')
        self._at += 1


def _nothing(known: Values) -> bytes:
    return b""


def _several(tag: int, nodes: list[Node]) -> Node:
    return lambda known: tlv(tag, b"".join(node(known) for node in nodes))


def _substrings(name: str, values: list[Node]) -> Node:
    """rfc4511#4.5.1.7.2"""
    first, *middle, last = values
    tagged = [(0x80, first), *((0x81, value) for value in middle), (0x82, last)]
    wanted = [(tag, value) for tag, value in tagged if value is not _nothing]
    return lambda known: tlv(
        0xA4, _string(name) + tlv(0x30, b"".join(tlv(tag, value(known)) for tag, value in wanted))
    )


def _extensible(rule: str | None, name: str | None, value: Node, dn: bool) -> Node:
    """rfc4511#4.5.1.7.7"""
    head = tlv(0x81, rule.encode()) if rule else b""
    head += tlv(0x82, name.encode()) if name else b""
    tail = tlv(0x84, b"\xff") if dn else b""
    return lambda known: tlv(0xA9, head + tlv(0x83, value(known)) + tail)


def _string(text: str) -> bytes:
    return tlv(4, text.encode())


def tlv(tag: int, content: bytes) -> bytes:
    """pyasn1-modules has filters of three levels and no more."""
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 128 | len(octets))) + octets + content
