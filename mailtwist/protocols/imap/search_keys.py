"""What SEARCH can ask of a message: yes, no, or not known before it is opened.  rfc3501#6.4.4"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Protocol, Self

from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.message_set import MessageSet
from mailtwist.store.api import Entry

_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"(?:^|[\s,])(\d{1,2})[\s-]([A-Za-z]{3})[a-z]*[\s-](\d{2,4})\b")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(slots=True)
class Facts:
    """What is known of a message.  `header` has folded texts by field name, once it was read; `missing` are
    those of the texts looked for that the whole message was searched for in vain."""

    number: int
    entry: Entry
    recent: bool
    header: Mapping[bytes, Sequence[str]] | None = None
    missing: frozenset["Text"] | None = None


class Key(Protocol):
    """One condition."""

    def verdict(self, facts: Facts) -> bool | None:
        """None: not to be said yet."""

    def bound(self, selected: Selected) -> "Key":
        """The same for one mailbox: what `*` is, for one thing."""

    def wants(self) -> "Iterable[Text | Header]":
        """What has to be read for it."""


class _Simple:
    """A key that is the same for every mailbox, and for which nothing has to be read."""

    __slots__ = ()

    def bound(self, selected: Selected) -> Self:
        return self

    def wants(self) -> "Iterable[Text | Header]":
        return ()


@dataclass(frozen=True, slots=True)
class Known(_Simple):
    """Whatever can be said of an entry at once."""

    test: Callable[[Entry], bool]

    def verdict(self, facts: Facts) -> bool:
        return self.test(facts.entry)


@dataclass(frozen=True, slots=True)
class Flagged(_Simple):
    flag: str

    def verdict(self, facts: Facts) -> bool:
        return self.flag in facts.entry.flags


@dataclass(frozen=True, slots=True)
class Keyword:
    """A flag in whatever case (rfc3501#9)."""

    flag: str

    def verdict(self, facts: Facts) -> bool:
        raise AssertionError("not bound")

    def bound(self, selected: Selected) -> Key:
        wanted = self.flag.lower()
        spelt = {self.flag} | {known for known in selected.mailbox.keywords if known.lower() == wanted}
        return _Bound(lambda facts: not spelt.isdisjoint(facts.entry.flags))

    def wants(self) -> "Iterable[Text | Header]":
        return ()


@dataclass(frozen=True, slots=True)
class Recent(_Simple):
    def verdict(self, facts: Facts) -> bool:
        return facts.recent


@dataclass(frozen=True, slots=True)
class Header(_Simple):
    """A field called `name` (lower case) has the folded `text` in it; every such field has ""."""

    name: bytes
    text: str

    def verdict(self, facts: Facts) -> bool | None:
        if facts.header is None:
            return None
        return any(self.text in value for value in facts.header.get(self.name, ()))

    def wants(self) -> "Iterable[Text | Header]":
        return (self,)


@dataclass(frozen=True, slots=True)
class Sent(_Simple):
    """The day in the Date field, whatever the zone."""

    test: Callable[[int], bool]

    def verdict(self, facts: Facts) -> bool | None:
        if facts.header is None:
            return None
        days = (_sent(value) for value in facts.header.get(b"date", ())[:1])
        return any(day is not None and self.test(day) for day in days)

    def wants(self) -> "Iterable[Text | Header]":
        return (Header(b"date", ""),)


@dataclass(frozen=True, slots=True)
class Text(_Simple):
    """The folded `text` is in the body; with `header`, or in the header."""

    text: str
    header: bool

    def verdict(self, facts: Facts) -> bool | None:
        return None if facts.missing is None else self not in facts.missing

    def wants(self) -> "Iterable[Text | Header]":
        return (self,)


@dataclass(frozen=True, slots=True)
class Among:
    """Messages of a set, by number or by UID."""

    messages: MessageSet
    by_uid: bool

    def verdict(self, facts: Facts) -> bool:
        raise AssertionError("not bound")

    def bound(self, selected: Selected) -> "Key":
        uids = selected.uids
        last = (uids[-1] if uids else 0) if self.by_uid else len(uids)
        ranges = self.messages.merged(last)
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        number = attrgetter("entry.uid") if self.by_uid else attrgetter("number")

        def among(facts: Facts) -> bool:
            at = bisect_right(lows, number(facts)) - 1
            return at >= 0 and number(facts) <= highs[at]

        return _Bound(among)

    def wants(self) -> "Iterable[Text | Header]":
        return ()


@dataclass(frozen=True, slots=True)
class _Bound(_Simple):
    test: Callable[[Facts], bool]

    def verdict(self, facts: Facts) -> bool:
        return self.test(facts)


@dataclass(frozen=True, slots=True)
class Not:
    key: Key

    def verdict(self, facts: Facts) -> bool | None:
        known = self.key.verdict(facts)
        return None if known is None else not known

    def bound(self, selected: Selected) -> Key:
        return Not(self.key.bound(selected))

    def wants(self) -> Iterable[Text | Header]:
        return self.key.wants()


@dataclass(frozen=True, slots=True)
class Every:
    keys: tuple[Key, ...]

    def verdict(self, facts: Facts) -> bool | None:
        known: bool | None = True
        for key in self.keys:
            said = key.verdict(facts)
            if said is False:
                return False
            known = None if said is None else known
        return known

    def bound(self, selected: Selected) -> Key:
        return Every(tuple(key.bound(selected) for key in self.keys))

    def wants(self) -> Iterable[Text | Header]:
        return [one for key in self.keys for one in key.wants()]


@dataclass(frozen=True, slots=True)
class Either:
    keys: tuple[Key, ...]

    def verdict(self, facts: Facts) -> bool | None:
        known: bool | None = False
        for key in self.keys:
            said = key.verdict(facts)
            if said:
                return True
            known = None if said is None else known
        return known

    def bound(self, selected: Selected) -> Key:
        return Either(tuple(key.bound(selected) for key in self.keys))

    def wants(self) -> Iterable[Text | Header]:
        return [one for key in self.keys for one in key.wants()]


def weight(key: Key) -> int:
    """How many keys there are in it, itself included."""
    if isinstance(key, Every | Either):
        return 1 + sum(map(weight, key.keys))
    return 1 + weight(key.key) if isinstance(key, Not) else 1


def received(test: Callable[[int], bool]) -> Key:
    """`test` is asked about the day a message was received on, as its own zone counts."""
    return Known(lambda entry: test(int(entry.received + entry.zone * 60) // _DAY + _EPOCH))


@dataclass(frozen=True, slots=True)
class Plan:
    """A key, bound, and what has to be read if it cannot be decided without; `headers` is how many keys are
    held against fields."""

    key: Key
    fields: frozenset[bytes] = field(init=False)
    texts: frozenset[Text] = field(init=False)
    headers: int = field(init=False)

    def __post_init__(self) -> None:
        wanted = list(self.key.wants())
        names = [one.name for one in wanted if isinstance(one, Header)]
        object.__setattr__(self, "headers", len(names))
        object.__setattr__(self, "fields", frozenset(names))
        object.__setattr__(self, "texts", frozenset(one for one in wanted if isinstance(one, Text)))


def _sent(value: str) -> int | None:
    """The day, as `date.toordinal` counts."""
    found = _DATE.search(value)
    if found is None:
        return None
    year = int(found[3])
    if len(found[3]) < 4:  # rfc5322#4.3
        year += 2000 if year < 50 and len(found[3]) == 2 else 1900
    try:
        return date(year, _MONTHS.index(found[2].lower()) + 1, int(found[1])).toordinal()
    except ValueError:
        return None
