"""The grammar of SEARCH: the rows of its table, and how they are put together.  rfc3501#6.4.4"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from operator import eq, ge, lt
from typing import TYPE_CHECKING

from mailtwist.mail import charsets
from mailtwist.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from mailtwist.mail.matching import folded
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import No
from mailtwist.protocols.imap.search_keys import (
    All,
    Among,
    Either,
    Every,
    Flagged,
    Header,
    Key,
    Keyword,
    Known,
    Not,
    Recent,
    Sent,
    Text,
    received,
)
from mailtwist.protocols.imap.search_results import Words

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session

KEYS = 1_500
"""Keys of one SEARCH."""

TEXTS = 64
"""Texts that are looked for in whole messages by one SEARCH."""

_SET = re.compile(rb"(?=[0-9*$])")
_EITHER = re.compile(rb"(?i)OR(?= )")


class Terms:
    """Takes keys from `arguments`; texts are in `charset`, a known one.  A key may have something called
    before the search `begins`, and words `also` told of what was found."""

    def __init__(self, arguments: Arguments, charset: str) -> None:
        self.arguments = arguments
        self.begins: list[Callable[[Session], None]] = []
        self.also: list[Words] = []
        self._charset = charset
        self._keys = self._texts = 0

    def all(self) -> Key:
        """One key or more; a message has to satisfy all of them."""
        keys = [self.key()]
        while self.arguments.take(b" "):
            keys.append(self.key())
        return keys[0] if len(keys) == 1 else Every(tuple(keys))

    def key(self) -> Key:
        """One key, or several in parentheses."""
        self._keys += 1
        if self._keys > KEYS:
            raise No("Too many keys", "LIMIT")
        if self.arguments.peek(b"("):
            with self.arguments.parentheses():
                return self.all()
        if self.arguments.match(_SET) is not None:
            return Among(self.arguments.message_set(), by_uid=False)
        row: SearchKey | None = self.arguments.dialect.search_keys.get(self.arguments.atom().upper())
        if row is None:
            raise Malformed("There is no such search key")
        return row.parse(self)

    def next_key(self) -> Key:
        """Behind a space, one level further in."""
        self.arguments.space()
        with self.arguments.deeper():
            return self.key()

    def either(self) -> Key:
        """Two keys behind OR.  Each may again be an OR, and clients make long chains of them: these are taken
        as one, however they nest."""
        keys: list[Key] = []
        missing = 2
        while missing:
            self.arguments.space()
            if self.arguments.match(_EITHER) is not None:
                missing += 1
            else:
                with self.arguments.deeper():
                    keys.append(self.key())
                missing -= 1
        return Either(tuple(keys))

    def text(self) -> str:
        """A text behind a space, ready for comparison."""
        self.arguments.space()
        octets = self.arguments.astring()
        try:
            return folded(charsets.strictly_decoded(octets, self._charset))
        except UnicodeError:
            raise Malformed(f"The text is not {self._charset}") from None

    def whole_text(self, *, header: bool) -> Key:
        self._texts += 1
        if self._texts > TEXTS:
            raise No("Too many texts to look for", "LIMIT")
        return Text(self.text(), header)

    def field(self) -> Key:
        self.arguments.space()
        return Header(self.arguments.astring().lower(), self.text())

    def keyword(self) -> Key:
        self.arguments.space()
        return Keyword(self.arguments.flag())

    def number(self) -> int:
        self.arguments.space()
        return self.arguments.number()

    def day(self, compare: Callable[[int, int], bool]) -> Callable[[int], bool]:
        """A date behind a space, and how other days compare with it."""
        self.arguments.space()
        day: date = self.arguments.date()
        wanted = day.toordinal()
        return lambda other: compare(other, wanted)

    def uids(self) -> Key:
        self.arguments.space()
        return Among(self.arguments.message_set(), by_uid=True)


@dataclass(frozen=True, slots=True)
class SearchKey:
    """A row of the table.  `name` is upper case; `parse` takes what follows it in the command."""

    name: str
    parse: Callable[[Terms], Key]


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands behind SEARCH; see `Terms`."""

    key: Key
    begins: "tuple[Callable[[Session], None], ...]" = ()
    also: tuple[Words, ...] = ()


def parsed(arguments: Arguments) -> Asked:
    """All from the first key or CHARSET on."""
    charset = "UTF-8"
    named = arguments.take(b"CHARSET ")
    if named:
        charset = arguments.astring().decode("ascii", "replace").upper()
        if charsets.known(charset) is None:
            raise No("Not with this charset", "BADCHARSET (US-ASCII UTF-8)")
        arguments.space()
    terms = Terms(arguments, charset)
    key = terms.all()
    if named:
        terms.begins.append(_charset_named)
    return Asked(key, tuple(dict.fromkeys(terms.begins)), tuple(dict.fromkeys(terms.also)))


def _charset_named(session: "Session") -> None:
    """All strings are UTF-8 for a client that said so; rev2 still takes the word for it (rfc9051#6.4.4)."""
    if "UTF8=ACCEPT" in session.enabled and not session.rev2:
        raise Malformed("Strings are UTF-8 since ENABLE UTF8=ACCEPT")  # rfc6855#3


def _flag(name: str, key: Key) -> tuple[SearchKey, SearchKey]:
    """A key and the one with UN before it."""
    return SearchKey(name, lambda terms: key), SearchKey(f"UN{name}", lambda terms: Not(key))


def _in(name: str) -> SearchKey:
    """A key that is called like a field."""
    field = name.lower().encode("ascii")
    return SearchKey(name, lambda terms: Header(field, terms.text()))


def _larger(terms: Terms) -> Key:
    size = terms.number()
    return Known(lambda entry: entry.size > size)


def _smaller(terms: Terms) -> Key:
    size = terms.number()
    return Known(lambda entry: entry.size < size)


_ALL = All()
_RECENT = Recent()
_NEW = Every((_RECENT, Not(Flagged(SEEN))))

KEYS_OF_REV1 = (
    SearchKey("ALL", lambda terms: _ALL),
    *_flag("ANSWERED", Flagged(ANSWERED)),
    *_flag("DELETED", Flagged(DELETED)),
    *_flag("DRAFT", Flagged(DRAFT)),
    *_flag("FLAGGED", Flagged(FLAGGED)),
    *_flag("SEEN", Flagged(SEEN)),
    SearchKey("KEYWORD", Terms.keyword),
    SearchKey("UNKEYWORD", lambda terms: Not(terms.keyword())),
    SearchKey("RECENT", lambda terms: _RECENT),
    SearchKey("OLD", lambda terms: Not(_RECENT)),
    SearchKey("NEW", lambda terms: _NEW),
    SearchKey("BEFORE", lambda terms: received(terms.day(lt))),
    SearchKey("ON", lambda terms: received(terms.day(eq))),
    SearchKey("SINCE", lambda terms: received(terms.day(ge))),
    SearchKey("SENTBEFORE", lambda terms: Sent(terms.day(lt))),
    SearchKey("SENTON", lambda terms: Sent(terms.day(eq))),
    SearchKey("SENTSINCE", lambda terms: Sent(terms.day(ge))),
    SearchKey("LARGER", _larger),
    SearchKey("SMALLER", _smaller),
    *map(_in, ("BCC", "CC", "FROM", "SUBJECT", "TO")),
    SearchKey("HEADER", Terms.field),
    SearchKey("BODY", lambda terms: terms.whole_text(header=False)),
    SearchKey("TEXT", lambda terms: terms.whole_text(header=True)),
    SearchKey("NOT", lambda terms: Not(terms.next_key())),
    SearchKey("OR", Terms.either),
    SearchKey("UID", Terms.uids),
)
