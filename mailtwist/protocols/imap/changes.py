"""The selected mailbox as one session was told of it: numbers stay while changes wait.  rfc3501#7.4.1"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, overload

from mailtwist.mail.flags import RECENT, SYSTEM, Flags
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.command import No
from mailtwist.protocols.imap.message_set import MessageSet, Runs, picked, runs
from mailtwist.protocols.imap.reading import Structures
from mailtwist.store.api import Arrived, Change, Entry, Flagged, Gone, Mailbox

if TYPE_CHECKING:
    from mailtwist.protocols.imap.search_some import Some

REMEMBERED = 1_000
REV2, CONDSTORE = "IMAP4REV2", "CONDSTORE"


@lru_cache(maxsize=1024)
def flag_words(flags: Flags, recent: bool = False) -> bytes:
    """`(\\Seen keyword)`"""
    known = {RECENT, *flags} if recent else flags
    words = sorted(known, key=lambda flag: (not flag.startswith("\\"), flag))  # system flags first
    return f"({' '.join(words)})".encode("ascii")


class Selected:
    """A mailbox with this session's sequence numbers.

    Numbers are those the client was told of; only `changes` moves them.  However many changes wait, they take
    bounded space: what arrived is what lies behind the last UID told; of changed flags and of expunged
    messages `REMEMBERED` are kept one by one, more are found by comparing with the mailbox.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        read_only: bool,
        changed: Callable[[], None],
        enabled: Collection[str] = frozenset(),
    ) -> None:
        """`changed` is called whenever there is something to be told.  `enabled` is the session's, as it is
        at any time."""
        self.mailbox = mailbox
        self.read_only = read_only
        self.saved: Runs = runs(())
        """UIDs that SEARCH has saved, ascending; who is gone is in it still (rfc5182#2.1)."""
        self.recent: set[int] = set()
        self.structures = Structures()
        self.searched: tuple[Some, ...] | None = None
        """The messages as the last SEARCH left them; None when something has changed since."""
        self._changed = changed
        self._enabled = enabled
        self._flagged, self._gone = _Few(), _Few()
        self._since = self._newest = self._untold = 0
        self._stop = mailbox.listen(self._hear)
        self._uids = array("I", [entry.uid for entry in mailbox.entries()])
        self._keywords = frozenset(mailbox.keywords)
        self._takes_keywords = mailbox.takes_keywords
        self._claim()
        self._recent_told = self.recent_count

    def leave(self) -> None:
        """Nothing more is heard of the mailbox."""
        self._stop()

    # -- what the client knows
    @property
    def exists(self) -> int:
        return len(self._uids)

    @property
    def uids(self) -> Sequence[int]:
        """Ascending; the message number n is at n - 1."""
        return self._uids

    @property
    def recent_count(self) -> int:
        return len(self.recent)

    @property
    def tells_recent(self) -> bool:
        """The client is told of \\Recent: rev2 has none (rfc9051#2.3.2)."""
        return REV2 not in self._enabled

    @property
    def tells_modseq(self) -> bool:
        return CONDSTORE in self._enabled

    @property
    def tells_uid(self) -> bool:
        """What it did not ask for names the UID too (rfc7162#3.2.4, rfc9051#7.5.2)."""
        return self.tells_modseq or not self.tells_recent

    @property
    def highest_modseq(self) -> int:
        """No change up to here is still to be told (rfc7162#3.2); 0 where the mailbox has none."""
        highest = self.mailbox.highest_modseq
        return min(highest, max(self._untold - 1, 1)) if self.waiting and self._untold else highest

    def number(self, uid: int) -> int | None:
        at = bisect_left(self._uids, uid)
        return at + 1 if at < len(self._uids) and self._uids[at] == uid else None

    def wanted(self, messages: MessageSet, *, by_uid: bool) -> "Wanted":
        """All that are meant, ascending.  UIDs that are not there do not matter; a number that is not there
        is the peer's fault (rfc3501#9, seq-number)."""
        if messages.saved:
            return Wanted(self._uids, picked(self._uids, zip(*self.saved, strict=True)))
        if by_uid:
            return Wanted(self._uids, picked(self._uids, messages.merged(self._last)))
        if messages.beyond(len(self._uids)):
            raise Malformed("There is no such message")
        return Wanted(self._uids, [range(low - 1, high) for low, high in messages.merged(len(self._uids))])

    def entry(self, uid: int) -> Entry | None:
        """None when it is gone, which the client may not know yet."""
        return self.mailbox.entry(uid)

    def flags(self, entry: Entry) -> bytes:
        """Its flags with \\Recent, in parentheses."""
        return flag_words(entry.flags, entry.uid in self.recent and self.tells_recent)

    def changed_line(self, number: int, entry: Entry, *, flags: bool = True, uid: bool = False) -> bytes:
        """The untagged FETCH for a message that has changed, without `* ` and CRLF; without `flags` for a
        client that knows them, with `uid` for one that asked by UID."""
        items = [b"FLAGS " + self.flags(entry)] if flags else []
        if uid or self.tells_uid:
            items.append(b"UID %d" % entry.uid)
        if self.tells_modseq:
            items.append(b"MODSEQ (%d)" % entry.modseq)
        return b"%d FETCH (%b)" % (number, b" ".join(items))

    def all_flags(self) -> bytes:
        """The flags that may be met here, in parentheses (rfc3501#7.2.6)."""
        return f"({' '.join((*SYSTEM, *sorted(self._keywords)))})".encode("ascii")

    def permanent_flags(self) -> bytes:
        """Those that can be changed for good; `\\*` says that new keywords can be made."""
        self._takes_keywords = self.mailbox.takes_keywords
        if self.read_only:
            return b"()"
        return self.all_flags()[:-1] + (b" \\*)" if self._takes_keywords else b")")

    def writable(self) -> Mailbox:
        """The mailbox, for those who want to change something."""
        if self.read_only:
            raise No("The mailbox is read-only", "READ-ONLY", "5.7.1")
        return self.mailbox

    # -- what it does not know yet
    @property
    def waiting(self) -> bool:
        """There may be something to tell."""
        return bool(self._flagged or self._gone) or self._newest > self._last

    @property
    def expunged(self) -> bool:
        """Messages are gone that it knows."""
        return bool(self._gone)

    def changes(self, *, expunged: bool) -> Iterator[bytes]:
        """The untagged answers, without `* ` and CRLF, that bring the client up to date.  Numbers move when
        the first is taken; without `expunged` they only grow."""
        last = self._last
        if expunged and self._gone:
            yield from self._expunge()
        if self._newest > self._last:
            yield from self._arrive()
        yield from self._tell_recent(always=False)
        if self._flagged:
            yield from self._reflag(last)
        if not self.waiting:
            self._untold = 0

    def _tell_recent(self, *, always: bool) -> Iterator[bytes]:
        recent, told = self.recent_count, self._recent_told
        self._recent_told = recent
        if self.tells_recent and (always or recent != told):
            yield b"%d RECENT" % recent

    def new_keywords(self) -> Iterator[bytes]:
        """The same for keywords that nobody used here before: to be told before a message has one."""
        keywords = frozenset(self.mailbox.keywords)
        if not keywords <= self._keywords:
            self._keywords = keywords
            yield b"FLAGS " + self.all_flags()
            if not self.read_only and self.mailbox.takes_keywords is not self._takes_keywords:
                yield b"OK [PERMANENTFLAGS %b] Kept" % self.permanent_flags()

    def flags_told(self, entries: Iterable[Entry]) -> None:
        """The client has these flags already: its own STORE, the \\Seen of its own FETCH."""
        told = {entry.uid: entry.modseq for entry in entries}
        if self._flagged.many:  # all of them are these, if nobody has changed anything since
            if self._since == max(told.values(), default=0) == self.mailbox.highest_modseq:
                self._flagged.forget()
            return
        for uid in [uid for uid in self._flagged.uids if uid in told]:
            now = self.mailbox.entry(uid)
            if now is not None and now.modseq == told[uid]:
                self._flagged.uids.discard(uid)

    # -- underneath
    def _hear(self, change: Change) -> None:
        self.searched = None
        modseq = change.modseq if isinstance(change, Gone) else change.entry.modseq
        if isinstance(change, Arrived):
            self._newest = change.entry.uid
        elif isinstance(change, Flagged) and self._knows(change.entry.uid):
            self._since = min(self._since or modseq, modseq)
            self._flagged.add(change.entry.uid)
        elif isinstance(change, Gone) and self._knows(change.uid):
            self._gone.add(change.uid)
        else:
            return
        self._untold = min(self._untold or modseq, modseq)
        self._changed()

    def _knows(self, uid: int) -> bool:
        return uid <= self._last

    @property
    def _last(self) -> int:
        return self._uids[-1] if self._uids else 0

    def _claim(self) -> None:
        """Who only reads, or is not told, leaves to the next what is \\Recent.  rfc3501#2.3.2"""
        if self.tells_recent:
            self.recent.update(self.mailbox.recent() if self.read_only else self.mailbox.claim_recent())

    def _expunge(self) -> Iterator[bytes]:
        if self._gone.many:
            alive = {entry.uid for entry in self.mailbox.entries()}
            at = [n for n, uid in enumerate(self._uids) if uid not in alive]
        else:
            at = [n for some in picked(self._uids, [(u, u) for u in sorted(self._gone.uids)]) for n in some]
        self._gone.forget()
        self.searched = None
        gone = {self._uids[n] for n in at}
        self.recent -= gone
        if len(at) > 100:
            self._uids = array("I", [uid for uid in self._uids if uid not in gone])
        else:
            for n in reversed(at):
                del self._uids[n]
        for n in reversed(at):  # from the end, so that no number moves another
            yield b"%d EXPUNGE" % (n + 1)

    def _arrive(self) -> Iterator[bytes]:
        yield from self.new_keywords()
        entries = self.mailbox.entries()  # not before: while the client is told, messages go
        first = bisect_right(entries, self._last, key=attrgetter("uid"))
        self._newest = 0
        if first == len(entries):
            return
        self.searched = None
        self._uids.extend(entry.uid for entry in entries[first:])
        self._claim()
        yield b"%d EXISTS" % len(self._uids)
        yield from self._tell_recent(always=True)

    def _reflag(self, last: int) -> Iterator[bytes]:
        since, self._since = self._since, 0
        if self._flagged.many:
            uids: Iterable[int] = [
                e.uid for e in self.mailbox.entries() if e.uid <= last and e.modseq >= since
            ]
        else:
            uids = sorted(self._flagged.uids)
        self._flagged.forget()
        yield from self.new_keywords()
        for uid in uids:
            number, entry = self.number(uid), self.mailbox.entry(uid)
            if number is not None and entry is not None:
                yield self.changed_line(number, entry)


class Wanted(Sequence[tuple[int, int]]):
    """(number, UID) of messages, as they were when it was made; small, however many they are."""

    def __init__(self, uids: "array[int]", positions: Iterable[range]) -> None:
        self._numbers, self.uids = array("I"), array("I")
        for some in positions:
            self._numbers.extend(range(some.start + 1, some.stop + 1))
            self.uids.extend(uids[some.start : some.stop])

    def __len__(self) -> int:
        return len(self.uids)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._numbers, self.uids, strict=True)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...

    @overload
    def __getitem__(self, at: slice) -> list[tuple[int, int]]: ...

    def __getitem__(self, at: int | slice) -> tuple[int, int] | list[tuple[int, int]]:
        if isinstance(at, slice):
            return list(zip(self._numbers[at], self.uids[at], strict=True))
        return self._numbers[at], self.uids[at]


class _Few:
    """Up to REMEMBERED numbers, or only that there were more."""

    __slots__ = ("many", "uids")

    def __init__(self) -> None:
        self.uids: set[int] = set()
        self.many = False

    def __bool__(self) -> bool:
        return self.many or bool(self.uids)

    def add(self, uid: int) -> None:
        if not self.many:
            self.uids.add(uid)
            if len(self.uids) > REMEMBERED:
                self.uids.clear()
                self.many = True

    def forget(self) -> None:
        """There are none any more."""
        self.uids, self.many = set(), False
