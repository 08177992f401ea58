"""What SEARCH can ask of messages: yes, no, or not known before they are opened.  rfc3501#6.4.4"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, Self

from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.message_set import MessageSet, picked
from mailtwist.protocols.imap.search_some import Some
from mailtwist.store.api import Entry

_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"(?:^|[\s,])(\d{1,2})[\s-]([A-Za-z]{3})[a-z]*[\s-](\d{2,4})\b")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

Sifted = tuple[int, int]
"""Those of `Some` that fit, and those that fit or may fit: the rest does not."""


class Key(Protocol):
    """One condition."""

    def sift(self, some: Some) -> Sifted:
        """What can be said of them without opening any."""

    def bound(self, selected: Selected, now: float) -> "Key":
        """The same for one mailbox and one moment: what `*` is, for one thing."""

    def wants(self) -> "Iterable[Text | Header]":
        """What has to be read for it."""


class _Simple:
    """A key that is the same for every mailbox, and for which nothing has to be read."""

    __slots__ = ()

    def bound(self, selected: Selected, now: float) -> Self:
        return self

    def wants(self) -> "Iterable[Text | Header]":
        return ()


@dataclass(frozen=True, slots=True)
class All(_Simple):
    def sift(self, some: Some) -> Sifted:
        return some.all, some.all


@dataclass(frozen=True, slots=True)
class Known(_Simple):
    """Whatever can be said of an entry at once."""

    test: Callable[[Entry], bool]

    def sift(self, some: Some) -> Sifted:
        found = some.that(self.test)
        return found, found


@dataclass(frozen=True, slots=True)
class Since:
    """The same for what depends on the time it is asked at."""

    test: Callable[[Entry, float], bool]

    def sift(self, some: Some) -> Sifted:
        raise AssertionError("not bound")

    def bound(self, selected: Selected, now: float) -> Key:
        return Known(lambda entry: self.test(entry, now))

    def wants(self) -> "Iterable[Text | Header]":
        return ()


@dataclass(frozen=True, slots=True)
class Flagged(_Simple):
    flag: str

    def sift(self, some: Some) -> Sifted:
        found = some.flagged(self.flag)
        return found, found


@dataclass(frozen=True, slots=True)
class Keyword:
    """A flag in whatever case (rfc3501#9)."""

    flag: str

    def sift(self, some: Some) -> Sifted:
        raise AssertionError("not bound")

    def bound(self, selected: Selected, now: float) -> Key:
        wanted = self.flag.lower()
        spelt = {known for known in selected.mailbox.keywords if known.lower() == wanted} or {self.flag}
        return Either(tuple(map(Flagged, sorted(spelt))))

    def wants(self) -> "Iterable[Text | Header]":
        return ()


@dataclass(frozen=True, slots=True)
class Recent(_Simple):
    def sift(self, some: Some) -> Sifted:
        found = some.that(lambda entry: entry.uid in some.recent)
        return found, found


@dataclass(frozen=True, slots=True)
class Header(_Simple):
    """A field called `name` (lower case) has the folded `text` in it; every such field has ""."""

    name: bytes
    text: str

    def sift(self, some: Some) -> Sifted:
        if some.header is None:
            return 0, some.all
        found = any(self.text in value for value in some.header.get(self.name, ()))
        return found, found

    def wants(self) -> "Iterable[Text | Header]":
        return (self,)


@dataclass(frozen=True, slots=True)
class Sent(_Simple):
    """The day in the Date field, whatever the zone."""

    test: Callable[[int], bool]

    def sift(self, some: Some) -> Sifted:
        if some.header is None:
            return 0, some.all
        days = (_sent(value) for value in some.header.get(b"date", ())[:1])
        found = any(day is not None and self.test(day) for day in days)
        return found, found

    def wants(self) -> "Iterable[Text | Header]":
        return (Header(b"date", ""),)


@dataclass(frozen=True, slots=True)
class Text(_Simple):
    """The folded `text` is in the body; with `header`, or in the header."""

    text: str
    header: bool

    def sift(self, some: Some) -> Sifted:
        if some.missing is None:
            return 0, some.all
        found = self not in some.missing
        return found, found

    def wants(self) -> "Iterable[Text | Header]":
        return (self,)


@dataclass(frozen=True, slots=True)
class Among:
    """Messages of a set, by number or by UID."""

    messages: MessageSet
    by_uid: bool

    def sift(self, some: Some) -> Sifted:
        raise AssertionError("not bound")

    def bound(self, selected: Selected, now: float) -> Key:
        if self.messages.saved:
            return _Within(*selected.saved, by_uid=True)
        uids = selected.uids
        last = (uids[-1] if uids else 0) if self.by_uid else len(uids)
        ranges = self.messages.merged(last)
        return _Within([low for low, _ in ranges], [high for _, high in ranges], self.by_uid)

    def wants(self) -> "Iterable[Text | Header]":
        return ()


class _Within(_Simple):
    """Those whose number or UID lies in one of the ranges from `lows` to `highs` (ascending, apart)."""

    __slots__ = ("_by_uid", "_highs", "_lows")

    def __init__(self, lows: Sequence[int], highs: Sequence[int], by_uid: bool) -> None:
        self._lows, self._highs = lows, highs
        self._by_uid = by_uid

    def sift(self, some: Some) -> Sifted:
        known = [entry.uid for entry in some.entries] if self._by_uid else some.numbers
        first, end = bisect_left(self._highs, known[0]), bisect_right(self._lows, known[-1])
        ranges = zip(self._lows[first:end], self._highs[first:end], strict=True)
        found = some.at(picked(known, ranges))
        return found, found


@dataclass(frozen=True, slots=True)
class Not:
    key: Key

    def sift(self, some: Some) -> Sifted:
        found, possible = self.key.sift(some)
        return some.all ^ possible, some.all ^ found

    def bound(self, selected: Selected, now: float) -> Key:
        return Not(self.key.bound(selected, now))

    def wants(self) -> Iterable[Text | Header]:
        return self.key.wants()


@dataclass(frozen=True, slots=True)
class Every:
    keys: tuple[Key, ...]

    def sift(self, some: Some) -> Sifted:
        found = possible = some.all
        for key in self.keys:
            one, perhaps = key.sift(some)
            found, possible = found & one, possible & perhaps
            if not possible:
                break
        return found, possible

    def bound(self, selected: Selected, now: float) -> Key:
        return Every(tuple(key.bound(selected, now) for key in self.keys))

    def wants(self) -> Iterable[Text | Header]:
        return [one for key in self.keys for one in key.wants()]


@dataclass(frozen=True, slots=True)
class Either:
    keys: tuple[Key, ...]

    def sift(self, some: Some) -> Sifted:
        found = possible = 0
        for key in self.keys:
            one, perhaps = key.sift(some)
            found, possible = found | one, possible | perhaps
            if found == some.all:
                break
        return found, possible

    def bound(self, selected: Selected, now: float) -> Key:
        return Either(tuple(key.bound(selected, now) for key in self.keys))

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
