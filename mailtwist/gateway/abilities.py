"""What the servers behind us can do, as they said when they were last asked, before a login and after it."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from mailtwist.gateway.api import Kind
from mailtwist.kit.events import Event
from mailtwist.protocols.dialogue import NOTHING, Offer

CHANGED = Event(
    "upstream.offers", "[upstream:{upstream}] {host} {kind}: it offers {more} now, and no longer {less}"
)

MOST_KNOWN = 16
"""Different lists of one server that are kept: what it offers after login may go by whose login it is."""

LARGEST = 8192
"""Characters of a list; what follows is not believed.  Real ones have a tenth of that."""

MOST = "SIZE"
"""The line with a number of which the smaller one counts; 0 is no limit (rfc1870#3)."""

_Key = tuple[Kind, bool]


class Abilities:
    """Those of one `[upstream:...]`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: dict[_Key, dict[str, Offer]] = {}
        self._known: dict[tuple[Kind, bool, str], dict[Offer, Offer]] = {}
        self._common: dict[_Key, Offer] = {}

    def learned(self, kind: Kind, host: str, offer: Offer, *, late: bool) -> Offer:
        """`offer` is what `host` offers, after login if `late`.  Comes back as the one object that all
        sessions with such an offer share."""
        if sum(map(len, offer)) > LARGEST:
            offer = _cut(offer)
        last = self._last.setdefault((kind, late), {})
        known = self._known.setdefault((kind, late, host), {})
        if offer in known:
            offer = known[offer]
        elif len(known) < MOST_KNOWN:
            known[offer] = offer
            if host in last:
                self._tell(kind, host, last[host], offer)
        if last.get(host) != offer:
            last[host] = offer
            self._common[kind, late] = common(last)
        return offer

    def offered(self, kind: Kind, *, late: bool) -> Offer:
        """What all of them do; nothing when none was reached yet."""
        return self._common.get((kind, late), NOTHING)

    def _tell(self, kind: Kind, host: str, before: Offer, now: Offer) -> None:
        more = ", ".join(line for line in now if line not in before)
        less = ", ".join(line for line in before if line not in now)
        CHANGED.log(
            upstream=self._name, host=host, kind=kind, more=more or "nothing more", less=less or "nothing"
        )


def _cut(offer: Offer) -> Offer:
    lengths = accumulate(map(len, offer))
    return Offer(line for line, length in zip(offer, lengths, strict=True) if length <= LARGEST)


def common(offers: Mapping[str, Offer]) -> Offer:
    """What all of these offer, in the order and spelling of the first."""
    first, *others = offers.values()
    return Offer(line for one in first if (line := _shared(one, others)))


def _shared(line: str, others: Sequence[Offer]) -> str:
    """The line as far as it is true of the others as well; '' when it is not."""
    name, *words = line.split(" ")
    if not all(other.has(name) for other in others):
        return ""
    if name.upper() == MOST:
        return _smallest(name, words, others)
    if not words:
        return line
    theirs = [frozenset(other.of(name)) for other in others]
    left = [word for word in words if all(word.upper() in other for other in theirs)]
    return " ".join((name, *left)) if left else ""


def _smallest(name: str, words: Sequence[str], others: Sequence[Offer]) -> str:
    numbers = [word for word in (*words, *(word for other in others for word in other.of(name)))]
    limits = [int(number) for number in numbers if number.isascii() and number.isdigit() and int(number)]
    return f"{name} {min(limits)}" if limits else name
