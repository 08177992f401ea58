"""Patterns of LIST: `*` is anything, `%` anything but the separator; no pattern takes long.  rfc3501#6.3.8"""

import re
from collections.abc import Callable

from mailtwist.store.api import INBOX, SEPARATOR

_RUN = re.compile(r"[*%]{2,}")


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a mailbox name fits `pattern`; INBOX in any case is INBOX."""
    first, level, rest = pattern.partition(SEPARATOR)
    if first.upper() == INBOX:
        pattern = INBOX + level + rest
    fits, inbox = _matcher(pattern), _matcher(pattern.upper())
    return lambda name: inbox(name) if name == INBOX else fits(name)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """All ways through the pattern at once, a bit for each place in it: the time is that of one way."""
    pattern = _RUN.sub(lambda run: "*" if "*" in run[0] else "%", pattern)
    if pattern == "*":
        return lambda name: True
    places: dict[str, int] = {}
    for place, character in enumerate(pattern):
        places[character] = places.get(character, 0) | 1 << place
    anything, level = places.pop("*", 0), places.pop("%", 0)
    either, end = anything | level, 1 << len(pattern)

    def fits(name: str) -> bool:
        at = 1 | (1 & either) << 1
        for character in name:
            stay = at & (anything if character == SEPARATOR else either)
            at = (at & places.get(character, 0)) << 1 | stay
            at |= (at & either) << 1
            if not at:
                return False
        return bool(at & end)

    return fits
