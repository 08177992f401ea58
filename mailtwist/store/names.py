"""Names of mailboxes: what may be one, which are the same, which lie below which.  rfc9051#5.1"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sized

from mailtwist.store.api import INBOX, SEPARATOR, CannotDo, LimitReached

LONGEST = 1000  # characters; a store may take less
MOST = 10_000  # mailboxes of an account, and names it is subscribed to
SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")
_NEVER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # rfc9051#5.1 rfc5198#2
_WILD = re.compile("[%*]")


def canonical(name: str) -> str:
    """`name` in its one spelling: NFC, so that names which look the same are the same (rfc5198#2); INBOX in
    capitals, also as the first level.  `CannotDo` for what can never be a name."""
    if len(name) > LONGEST:
        raise CannotDo("The mailbox name is too long")
    name = unicodedata.normalize("NFC", name)
    if len(name) > LONGEST:  # some characters become several
        raise CannotDo("The mailbox name is too long")
    if _NEVER.search(name):
        raise CannotDo("The mailbox name has a control character in it")
    first, *below = name.split(SEPARATOR)
    if not first or not all(below):
        raise CannotDo("The mailbox name has an empty level")
    if first.upper() == INBOX:
        first = INBOX
    return SEPARATOR.join((first, *below))


def new_name(name: str) -> str:
    """`name` in its one spelling, for a mailbox to be made: LIST's wildcards would hide it.  rfc9051#5.1"""
    if _WILD.search(name):
        raise CannotDo("A mailbox name cannot contain % or *")
    return canonical(name)


def room_for_more(names: Sized) -> None:
    """`LimitReached` when an account has as many as it can have."""
    if len(names) >= MOST:
        raise LimitReached("There are too many of them already")


def parents(name: str) -> Iterator[str]:
    """`a` and `a/b` for `a/b/c`."""
    levels = name.split(SEPARATOR)
    for count in range(1, len(levels)):
        yield SEPARATOR.join(levels[:count])


def above(names: Iterable[str]) -> set[str]:
    """The parents of all of `names`."""
    found: set[str] = set()
    for name in names:
        end = name.rfind(SEPARATOR)
        while end > 0 and (name := name[:end]) not in found:
            found.add(name)
            end = name.rfind(SEPARATOR)
    return found


def below(name: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that lie below `name`, sorted."""
    return sorted(one for one in names if one.startswith(name + SEPARATOR))


def moves(old: str, new: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """What RENAME does to `names`: old and new name of each, the upper ones first.  rfc3501#6.3.5"""
    if new == old or new.startswith(old + SEPARATOR):
        raise CannotDo("A mailbox cannot be moved below itself")
    kept = set(names)
    found = [one for one in (old, *below(old, kept)) if one in kept]
    return [(one, new + one.removeprefix(old)) for one in found]


def in_order(names: Iterable[str]) -> list[str]:
    """INBOX first, then by name."""
    return sorted(names, key=lambda name: (name != INBOX, name))


def special_use(text: str | None) -> str | None:
    """A special use in its one spelling; `CannotDo` for one that is not known.  rfc6154#2 rfc8457#3"""
    if text is None:
        return None
    for use in SPECIAL_USES:
        if use.lower() == text.lower():
            return use
    raise CannotDo("There is no such special use")
