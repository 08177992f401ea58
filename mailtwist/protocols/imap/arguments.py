"""A cursor over the text of one command: takes what the grammar expects, or blames the peer.  rfc3501#9"""

import re
from calendar import timegm
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, TypeVar

from mailtwist.mail import flags
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap import mailbox_name
from mailtwist.protocols.imap.message_set import SAVED, MessageSet

if TYPE_CHECKING:
    from mailtwist.protocols.imap.extension import Dialect

T = TypeVar("T")

LITERAL = b"\0"  # stands in the text where a literal was cut out; no line of a client may hold it
DEPTH = 32
FLAGS = 256
HIGHEST = 2**32 - 1
HIGHEST_LONG = 2**63 - 1

_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
_ASTRING = re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff]+")
_WORD = re.compile(rb"[^\x00-\x20()\"\x7f-\xff]+")
_PATTERN = re.compile(rb"[^\x00-\x20(){\"\\\x7f-\xff]+")
_QUOTED = re.compile(rb'"([^"\\\x00\r\n]*(?:\\["\\][^"\\\x00\r\n]*)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_NIL = re.compile(rb"(?i)nil(?![^\x00-\x20(){%*\"\\\]\x7f-\xff])")
_NUMBER = re.compile(rb"[0-9]+")
_SET = re.compile(rb"[0-9*:,]+")
_SAVED = re.compile(rb"\$(?=[ )]|\Z)")
_FLAG = re.compile(rb"\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTH = rb"(" + b"|".join(_MONTHS) + rb")"
_DATE = re.compile(rb"(?i)(\"?)([0-9]{1,2})-" + _MONTH + rb"-([0-9]{4})\1")
_DATE_TIME = re.compile(
    rb'(?i)"([ 0-9][0-9])-'
    + _MONTH
    + rb"-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})\""
)


class Arguments:
    """What stands behind a command's name, its literals cut out.

    Each call takes one thing at the cursor and moves behind it, or raises `Malformed`.  `dialect` is the
    session's: FETCH items and SEARCH keys are looked up there.  `utf8_names` is the session's, too.
    """

    def __init__(
        self,
        text: bytes,
        literals: Sequence[bytes] = (),
        dialect: "Dialect | None" = None,
        *,
        utf8_names: bool = False,
    ) -> None:
        self._utf8_names = utf8_names
        self._text = text
        self._at = 0
        self._literals = literals
        self._used = self._depth = 0
        self._dialect = dialect

    @property
    def dialect(self) -> "Dialect":
        assert self._dialect is not None, "made without a dialect"
        return self._dialect

    # -- single octets
    def space(self) -> None:
        if not self.take(b" "):
            raise Malformed("Expected a space")

    def peek(self, octets: bytes) -> bool:
        """`octets` are next, letters in either case."""
        return self._text[self._at : self._at + len(octets)].upper() == octets.upper()

    def take(self, octets: bytes) -> bool:
        """`octets` were next and are taken, letters in either case."""
        found = self.peek(octets)
        if found:
            self._at += len(octets)
        return found

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What `pattern` finds at the cursor is taken.  Patterns must be linear."""
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def end(self) -> None:
        """Nothing is left."""
        if self._at < len(self._text):
            raise Malformed("Unexpected text behind the command")

    def rest(self) -> bytes:
        """All that is left is taken."""
        left, self._at = self._text[self._at :], len(self._text)
        return left

    def again(self) -> "Arguments":
        """Another cursor at the same place."""
        return copy(self)

    # -- words
    def atom(self) -> str:
        return self._expect(_ATOM, "Expected an atom")[0].decode("ascii")

    def number(self) -> int:
        """0 to 2^32 - 1."""
        digits: bytes = self._expect(_NUMBER, "Expected a number")[0]
        if len(digits) > 10 or int(digits) > HIGHEST:
            raise Malformed("Numbers have 32 bits")
        return int(digits)

    def long_number(self) -> int:
        """0 to 2^63 - 1 (rfc7162#7, mod-sequence-valzer)."""
        digits: bytes = self._expect(_NUMBER, "Expected a number")[0]
        if len(digits) > 19 or int(digits) > HIGHEST_LONG:
            raise Malformed("Numbers have 63 bits")
        return int(digits)

    def string(self) -> bytes:
        """Quoted, or a literal."""
        found = self._string()
        if found is None:
            raise Malformed("Expected a string")
        return found

    def nstring(self) -> bytes | None:
        """A string, or None for NIL."""
        return None if self.match(_NIL) else self.string()

    def astring(self) -> bytes:
        """An atom or a string."""
        found = self._string()
        return self._expect(_ASTRING, "Expected a string")[0] if found is None else found

    def mailbox(self) -> str:
        """A mailbox name, decoded; INBOX in any case is "INBOX".  `CannotDo` for what can be no name."""
        return mailbox_name.decoded(self.astring(), utf8=self._utf8_names)

    def reference(self) -> str | None:
        """What stands before the pattern of LIST; None when no name can begin with it."""
        return mailbox_name.decoded_pattern(self.astring(), utf8=self._utf8_names)

    def pattern(self) -> str | None:
        """A mailbox name with wildcards, decoded; INBOX stays as it was written.  None for what no name can
        fit."""
        found = self._string()
        octets = self._expect(_PATTERN, "Expected a pattern")[0] if found is None else found
        return mailbox_name.decoded_pattern(octets, utf8=self._utf8_names)

    # -- sets, flags, dates
    def message_set(self) -> MessageSet:
        """Sequence numbers or UIDs; `$` where there is a SEARCH that saves."""
        if self._dialect is not None and "SAVE" in self._dialect.search_returns and self.match(_SAVED):
            return SAVED
        return MessageSet.parse(self._expect(_SET, "Expected a set of messages")[0])

    def flag(self) -> str:
        """A system flag in its one spelling, or a keyword; never \\Recent, which is the server's."""
        flag = flags.canonical(self._expect(_FLAG, "Expected a flag")[0].decode("ascii"))
        if flag.startswith("\\") and flag not in flags.SYSTEM:
            raise Malformed("No such system flag")
        return flag

    def flag_list(self) -> flags.Flags:
        """Flags in parentheses, perhaps none."""
        return flags.different(self.list_of(self.flag, least=0, most=FLAGS))

    def date(self) -> date:
        """`1-Feb-1994`, quoted or not."""
        found = self._expect(_DATE, "Expected a date")
        try:
            return date(int(found[4]), _month(found[3]), int(found[2]))
        except ValueError:
            raise Malformed("No such day") from None

    def date_time(self) -> tuple[float, int]:
        """Seconds since 1970, and minutes east of UTC."""
        found = self._expect(_DATE_TIME, "Expected a date and a time")
        day, year, hour, minute, second, east, more = (int(found[n]) for n in (1, 3, 4, 5, 6, 8, 9))
        zone = (east * 60 + more) * (-1 if found[7] == b"-" else 1)
        leap = second == 60  # the second after
        try:
            time(east, more)
            when = datetime(year, _month(found[2]), day, hour, minute, 59 if leap else second)
        except ValueError:
            raise Malformed("No such time") from None
        return float(timegm(when.timetuple()) + leap - zone * 60), zone

    # -- lists
    def words(self) -> list[Any]:
        """All that is left, up to `)`: octets of words and strings, and lists of what stands in
        parentheses."""
        found: list[Any] = []
        while not self.peek(b")") and self._at < len(self._text):
            if found:
                self.space()
            if self.peek(b"("):
                with self.parentheses():
                    found.append(self.words())
            elif (one := self._string()) is not None:
                found.append(one)
            else:
                found.append(self._expect(_WORD, "Expected a word")[0])
        return found

    def list_of(self, item: Callable[[], T], least: int = 1, most: int = 65536) -> list[T]:
        """`(item item ...)`."""
        found: list[T] = []
        with self.parentheses():
            while not self.peek(b")"):
                if found:
                    self.space()
                found.append(item())
                if len(found) > most:
                    raise Malformed("The list is too long")
        if len(found) < least:
            raise Malformed("The list is empty")
        return found

    @contextmanager
    def parentheses(self) -> Iterator[None]:
        """`(` is taken, and `)` behind what the body takes."""
        if not self.take(b"("):
            raise Malformed("Expected (")
        with self.deeper():
            yield
        if not self.take(b")"):
            raise Malformed("Expected )")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level down of a grammar that nests."""
        self._depth += 1
        if self._depth > DEPTH:
            raise Malformed("Nested too deep")
        yield
        self._depth -= 1

    # -- underneath
    def _expect(self, pattern: re.Pattern[bytes], otherwise: str) -> re.Match[bytes]:
        found = self.match(pattern)
        if found is None:
            raise Malformed(otherwise)
        return found

    def _string(self) -> bytes | None:
        if (found := self.match(_QUOTED)) is not None:
            text: bytes = found[1]
            return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text
        if not self.take(LITERAL):
            return None
        self._used += 1
        return self._literals[self._used - 1]


def _month(name: bytes) -> int:
    return _MONTHS.index(name.capitalize()) + 1
