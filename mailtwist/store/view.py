"""One mailbox as all sessions of this process see it: its messages in order, and who is told of changes."""

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from mailtwist.kit.events import Event
from mailtwist.mail.flags import SYSTEM, Flags, canonical
from mailtwist.store.api import (
    Arrived,
    CannotDo,
    Change,
    Content,
    Entry,
    FlagChange,
    Flagged,
    Gone,
    MailboxInUse,
    MessageGone,
)

LISTENER_FAILED = Event("store.listener_failed", "A session could not be told of a change", "critical")

_KEYWORD = re.compile("[!-~]{1,100}")


class Held:
    """What a `View` begins with; made in a thread, if there are many.  `entries` ascend."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.uids = array("q", [entry.uid for entry in entries])
        self.sets: dict[Flags, int] = dict(Counter([entry.flags for entry in entries]))


class View:
    """The part of `api.Mailbox` that waits for nothing.  A store changes it by `apply` and nothing else."""

    most_keywords = 1_000

    def __init__(self, name: str, uid_validity: int) -> None:
        self.name = name
        self.uid_validity = uid_validity
        self.uid_next = 1
        self.highest_modseq = 1
        self.recent_from = 1
        self._entries: list[Entry] = []
        self._uids = array("q")  # of the same messages: found in them without asking each
        self._lent = False
        self._sets: dict[Flags, int] = {}
        self._listeners: dict[object, Callable[[Change], None]] = {}
        self._locked = False

    @property
    def keywords(self) -> Collection[str]:
        return {flag for flags in self._sets for flag in flags if not flag.startswith("\\")}

    @property
    def takes_keywords(self) -> bool:
        return len(self.keywords) < self.most_keywords

    def entries(self) -> Sequence[Entry]:
        self._lent = True  # the next change works on a copy
        return self._entries

    def entry(self, uid: int) -> Entry | None:
        where = self._where(uid)
        return None if where is None else self._entries[where]

    def chosen(self, uids: Collection[int]) -> list[Entry]:
        """The entries of those of `uids` that exist, ascending."""
        if len(uids) * 8 < len(self._entries):
            found = (self.entry(uid) for uid in sorted(set(uids)))
            return [entry for entry in found if entry is not None]
        wanted = uids if isinstance(uids, (set, frozenset, range)) else set(uids)
        return [entry for entry in self._entries if entry.uid in wanted]

    async def open(self, uid: int) -> Content:
        raise NotImplementedError

    async def open_some(self, uids: Sequence[int]) -> Sequence[Content | None]:
        """One, for a store that gains nothing by more."""
        try:
            return [await self.open(uids[0])]
        except MessageGone:
            return [None]

    async def known(self, what: str, uids: Collection[int]) -> Mapping[int, bytes]:
        """Nothing, for a store that keeps no facts."""
        return {}

    async def learn(self, what: str, facts: Mapping[int, bytes]) -> None: ...

    def claim_recent(self) -> Collection[int]:
        claimed = self.recent()
        self.recent_from = self.uid_next
        return claimed

    def recent(self) -> Collection[int]:
        where = bisect_left(self._uids, self.recent_from)
        return [entry.uid for entry in self._entries[where:]]

    def listen(self, told: Callable[[Change], None]) -> Callable[[], None]:
        key = object()
        self._listeners[key] = told

        def end() -> None:
            self._listeners.pop(key, None)

        return end

    async def lock(self) -> Callable[[], None]:
        if self._locked:
            raise MailboxInUse()
        self._locked = True
        held = [True]

        def let_go() -> None:
            if held:
                held.clear()
                self._locked = False

        return let_go

    def fill(self, held: "Held") -> None:
        """The messages it begins with; nobody is told."""
        self._entries, self._uids, self._sets = held.entries, held.uids, held.sets

    def apply(self, changes: Sequence[Change], highest_modseq: int = 0, uid_next: int = 0) -> None:
        """All of `changes` are seen here, then told one by one."""
        self.highest_modseq = max(self.highest_modseq, highest_modseq)
        self.uid_next = max(self.uid_next, uid_next)
        if self._lent and changes:
            self._entries = list(self._entries)
            self._lent = False
        self._remove({change.uid for change in changes if isinstance(change, Gone)})
        for change in changes:
            if not isinstance(change, Gone):
                self._put(change.entry)
        for change in changes:
            self._tell(change)

    def _where(self, uid: int) -> int | None:
        where = bisect_left(self._uids, uid)
        return where if where < len(self._uids) and self._uids[where] == uid else None

    def _remove(self, uids: set[int]) -> None:
        going = sorted(where for where in map(self._where, uids) if where is not None)
        for where in going:
            self._forget(self._entries[where].flags)
        if len(going) == 1:
            del self._entries[going[0]], self._uids[going[0]]
        elif going:
            pieces = list(zip([0, *(where + 1 for where in going)], [*going, len(self._uids)], strict=True))
            entries: list[Entry] = []
            left = array("q")
            for begin, end in pieces:
                entries += self._entries[begin:end]
                left += self._uids[begin:end]
            self._entries, self._uids = entries, left

    def _put(self, entry: Entry) -> None:
        self._sets[entry.flags] = self._sets.get(entry.flags, 0) + 1
        if not self._uids or entry.uid > self._uids[-1]:
            self._entries.append(entry)
            self._uids.append(entry.uid)
            return
        where = bisect_left(self._uids, entry.uid)
        if self._uids[where] == entry.uid:
            self._forget(self._entries[where].flags)
            self._entries[where] = entry
        else:
            self._entries.insert(where, entry)
            self._uids.insert(where, entry.uid)

    def _forget(self, flags: Flags) -> None:
        self._sets[flags] -= 1
        if not self._sets[flags]:
            del self._sets[flags]

    def _tell(self, change: Change) -> None:
        for told in tuple(self._listeners.values()):
            try:
                told(change)
            except Exception:
                LISTENER_FAILED.failure(mailbox=self.name)


def settable(flags: Iterable[str], known: Iterable[str] = ()) -> Flags:
    """`flags` as a store keeps them: system flags in their one spelling, keywords in the spelling of
    `known` (rfc3501#9: case does not matter), \\Recent and unknown system flags left out."""
    spelling = {keyword.lower(): keyword for keyword in known}
    kept = set()
    for flag in map(canonical, flags):
        if flag.startswith("\\"):
            if flag in SYSTEM:
                kept.add(flag)
        elif _KEYWORD.fullmatch(flag):
            kept.add(spelling.setdefault(flag.lower(), flag))
        else:
            raise CannotDo("A keyword is too long or not printable ASCII")
    return frozenset(kept)


def changed(old: Flags, how: FlagChange, flags: Flags) -> Flags:
    """What `old` becomes."""
    if how == "add":
        return old | flags
    if how == "remove":
        return old - flags
    return flags


def differences(before: Sequence[Entry], after: Sequence[Entry], modseq: int) -> list[Change]:
    """What a listener must hear to get from one list to the other: gone, changed, new, each ascending."""
    known = {entry.uid: entry for entry in before}
    kept = {entry.uid for entry in after}
    found: list[Change] = [Gone(uid, modseq) for uid in known if uid not in kept]
    for entry in after:
        old = known.get(entry.uid)
        if old is None:
            found.append(Arrived(entry))
        elif old != entry:
            found.append(Flagged(entry))
    return found
