"""What LIST and LSUB have in common: names that fit, and lines about them.  rfc3501#7.2.2 rfc9051#7.3.1"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.mailbox_name import quoted
from mailtwist.protocols.imap.wildcards import matcher
from mailtwist.store.api import Account, CannotDo, Listed
from mailtwist.store.names import above, canonical, in_order

AT_A_STRETCH = 100
"""Names that are held against a pattern before other connections have their turn."""


class Names:
    """What an account's names are, of mailboxes, of levels above them, and of what is subscribed."""

    def __init__(self, known: Iterable[Listed]) -> None:
        self.known = {one.name: one for one in known}
        self.above = above(name for name, one in self.known.items() if one.selectable)

    @classmethod
    async def of(cls, account: Account) -> "Names":
        return cls(await account.mailboxes())

    def there(self, one: Listed) -> bool:
        """It is a mailbox, or there are some below it."""
        return one.selectable or one.name in self.above

    def get(self, name: str) -> Listed:
        """One that nobody knows does not exist."""
        return self.known.get(name) or Listed(name, selectable=False)

    def attributes(self, one: Listed, missing: str) -> list[str]:
        """`missing` is what one that is no mailbox is called."""
        found = [] if one.selectable else [missing]
        found.append("\\HasChildren" if one.name in self.above else "\\HasNoChildren")
        return [*found, one.special_use] if one.special_use else found


def patterns_of(reference: str | None, patterns: Iterable[str | None]) -> list[str]:
    """The whole patterns, without those that no name fits; `reference` stands before each, whatever level it
    ends at."""
    return [] if reference is None else [reference + pattern for pattern in patterns if pattern is not None]


async def fitting(session: Session, patterns: Sequence[str], names: Iterable[str]) -> AsyncIterator[str]:
    """Those of `names` that fit one of `patterns`, in order."""
    fits: list[Callable[[str], bool]] = [matcher(pattern) for pattern in patterns]
    done = 0
    for name in in_order(names):
        if any(fit(name) for fit in fits):
            yield name
        done += max(len(fits), 1)
        if done >= AT_A_STRETCH:
            done = 0
            await session.breathe()


def line(
    session: Session, word: bytes, name: str, attributes: Iterable[str], extended: Sequence[bytes] = ()
) -> bytes:
    """The untagged answer for one name, without `* ` and CRLF; `word` is LIST or LSUB."""
    words = " ".join(dict.fromkeys(attributes)).encode("ascii")
    more = b" (%b)" % b" ".join(extended) if extended else b""
    return b'%b (%b) "/" %b%b' % (word, words, quoted(name, utf8=session.utf8_names), more)


async def tell_name(session: Session, said: str, *, renamed: str = "") -> None:
    """A client that knows rev2 is told what the mailbox is called, if not what it `said`, or what it said it
    `renamed` from (rfc9051#6.3.9.7)."""
    if session.rev2 and {_normal(said), _normal(renamed)} != {said, renamed}:
        session.untagged(await now(session, said, renamed or said))


async def now(session: Session, said: str, old: str = "") -> bytes:
    """The LIST answer that says how the mailbox is which the client `said`.  With its `old` name, which is
    what the client said if that is not what we say."""
    name, old = _normal(said), old or said
    names = await Names.of(session.account)
    one = names.get(name)
    attributes = names.attributes(one, "\\NonExistent") + (["\\Subscribed"] if one.subscribed else [])
    extended = b'"OLDNAME" (%b)' % quoted(old, utf8=session.utf8_names)
    return line(session, b"LIST", name, attributes, [extended] if name != old else ())


def _normal(said: str) -> str:
    try:
        return canonical(said)
    except CannotDo:  # a stock account has its own names
        return said
