"""Mail in memory: for tests and trials; gone when the process ends."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock, SystemClock
from mailtwist.mail.flags import DELETED, SEEN, Flags
from mailtwist.store.api import (
    INBOX,
    Arrived,
    CannotDo,
    Change,
    Copied,
    Entry,
    FlagChange,
    Flagged,
    Gone,
    HasChildren,
    LimitReached,
    Listed,
    MailboxExists,
    MessageGone,
    NoSuchMailbox,
    Quota,
    Status,
    Stored,
    Usage,
)
from mailtwist.store.content import Octets
from mailtwist.store.facts import Facts
from mailtwist.store.names import above, canonical, in_order, moves, new_name, parents, room_for_more
from mailtwist.store.names import special_use as known_use
from mailtwist.store.quota import UNLIMITED, QuotaSettings, usage
from mailtwist.store.view import View, changed, settable


class MemoryStore:
    """All accounts of one process."""

    instead = '"type = maildir"'

    def __init__(self, clock: Clock | None = None, allowed: Quota = UNLIMITED) -> None:
        self._clock = clock or SystemClock()
        self._allowed = allowed
        self._accounts: dict[str, MemoryAccount] = {}

    async def account(self, id: str) -> "MemoryAccount":
        if id not in self._accounts:
            self._accounts[id] = MemoryAccount(id, self._clock, self._allowed)
        return self._accounts[id]


class MemoryAccount:
    """One user's mail."""

    def __init__(self, id: str, clock: Clock, allowed: Quota) -> None:
        self.id = id
        self._clock = clock
        self._allowed = allowed
        self._quota = Quota()
        self._mailboxes: dict[str, MemoryMailbox] = {}
        self._uses: dict[str, str] = {}
        self._subscribed: set[str] = set()
        self._last_validity = 0
        self._octets = self._messages = 0
        self._make(INBOX)

    def grew(self, octets: int, messages: int) -> None:
        """There is so much more mail in it, or less."""
        self._octets += octets
        self._messages += messages

    def get(self, name: str) -> "MemoryMailbox":
        """The mailbox, or `NoSuchMailbox`."""
        found = self._mailboxes.get(canonical(name))
        if found is None:
            raise NoSuchMailbox(name)
        return found

    async def mailboxes(self) -> Sequence[Listed]:
        levels = above(self._mailboxes)
        return [
            Listed(name, name in self._mailboxes, name in self._subscribed, self._uses.get(name))
            for name in in_order({*self._mailboxes, *levels, *self._subscribed})
        ]

    async def open(self, name: str) -> "MemoryMailbox":
        return self.get(name)

    async def status(self, name: str) -> Status:
        return self.get(name).status()

    async def usage(self) -> Usage:
        return self.used()

    def used(self) -> Usage:
        return usage(self._octets, self._messages, self._quota, self._allowed)

    async def quota(self) -> Quota:
        return self._quota

    async def set_quota(self, quota: Quota) -> None:
        self._quota = quota

    async def create(self, name: str, special_use: str | None = None) -> None:
        name, use = new_name(name), known_use(special_use)
        if name in self._mailboxes:
            raise MailboxExists(name)
        room_for_more(self._mailboxes)
        for parent in parents(name):
            if parent not in self._mailboxes:
                self._make(parent)
        self._make(name)
        if use:
            self._uses[name] = use

    async def delete(self, name: str) -> None:
        name = canonical(name)
        if name == INBOX:
            raise CannotDo("INBOX cannot be deleted")
        mailbox = self._mailboxes.pop(name, None)
        if mailbox is None:
            raise self._not_there(name)
        self._uses.pop(name, None)
        mailbox.discard([entry.uid for entry in mailbox.entries()])

    async def rename(self, old: str, new: str) -> None:
        old, new = canonical(old), new_name(new)
        if new in self._mailboxes:
            raise MailboxExists(new)
        if old == INBOX:
            await self.create(new)
            inbox = self._mailboxes[INBOX]
            await inbox.move([entry.uid for entry in inbox.entries()], new)
            return
        going = moves(old, new, self._mailboxes)
        if not going:
            raise NoSuchMailbox(old)
        self._rename(going)
        for parent in parents(new):
            if parent not in self._mailboxes:
                self._make(parent)

    def _rename(self, going: list[tuple[str, str]]) -> None:
        for _, after in going:
            if after in self._mailboxes:
                raise MailboxExists(after)
        for before, after in going:
            mailbox = self._mailboxes[after] = self._mailboxes.pop(before)
            mailbox.name = after
            if before in self._uses:
                self._uses[after] = self._uses.pop(before)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        self._subscribed.discard(name := canonical(name))
        if subscribed:
            room_for_more(self._subscribed)
            self._subscribed.add(name)

    def upload(self, name: str) -> "MemoryUpload":
        return MemoryUpload(self, name, self._clock)

    async def close(self) -> None:
        pass

    def _make(self, name: str) -> None:
        self._last_validity = max(int(self._clock.now()), self._last_validity + 1)
        self._mailboxes[name] = MemoryMailbox(self, name, self._last_validity)

    def _not_there(self, name: str) -> Exception:
        if any(name in parents(other) for other in self._mailboxes):
            return HasChildren()
        return NoSuchMailbox(name)


class MemoryMailbox(View):
    """One mailbox; all sessions share it."""

    def __init__(self, account: MemoryAccount, name: str, uid_validity: int) -> None:
        super().__init__(name, uid_validity)
        self._account = account
        self._octets: dict[int, bytes] = {}
        self._facts = Facts()

    def status(self) -> Status:
        entries = self.entries()
        return Status(
            messages=len(entries),
            recent=len(self.recent()),
            uid_next=self.uid_next,
            uid_validity=self.uid_validity,
            unseen=sum(SEEN not in entry.flags for entry in entries),
            highest_modseq=self.highest_modseq,
            size=sum(entry.size for entry in entries),
            deleted=sum(DELETED in entry.flags for entry in entries),
        )

    def add(self, octets: bytes, flags: Flags, received: float, zone: int) -> Stored:
        """A message at the end; told to everybody."""
        modseq, uid = self.highest_modseq + 1, self.uid_next
        flags = self._settable(flags)
        self._octets[uid] = octets
        self._account.grew(len(octets), 1)
        self._commit([Arrived(Entry(uid, flags, len(octets), received, modseq, zone))], uid + 1)
        return Stored(self.uid_validity, uid)

    def discard(self, uids: Collection[int]) -> list[int]:
        """The messages are gone; the UIDs that were there, ascending."""
        modseq = self.highest_modseq + 1
        going = [entry.uid for entry in self.chosen(uids)]
        for uid in going:
            self._account.grew(-len(self._octets.pop(uid)), -1)
            self._facts.forget(uid)
        self._commit([Gone(uid, modseq) for uid in going])
        return going

    async def refresh(self) -> None:
        pass

    async def open(self, uid: int) -> Octets:
        octets = self._octets.get(uid)
        if octets is None:
            raise MessageGone()
        return Octets(octets)

    async def known(self, what: str, uids: Collection[int]) -> Mapping[int, bytes]:
        found = {uid: self._facts.get(what, uid) for uid in uids}
        return {uid: fact for uid, fact in found.items() if fact is not None}

    async def learn(self, what: str, facts: Mapping[int, bytes]) -> None:
        for entry in self.chosen(facts.keys()):
            self._facts.put(what, entry.uid, facts[entry.uid], entry.size)

    async def change_flags(
        self, uids: Collection[int], how: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Sequence[Entry]:
        flags = self._settable(flags)
        modseq, answer, changes = self.highest_modseq + 1, [], []
        for entry in self.chosen(uids):
            if unchanged_since is not None and entry.modseq > unchanged_since:
                continue
            after = changed(entry.flags, how, flags)
            if after != entry.flags:
                entry = replace(entry, flags=after, modseq=modseq)
                changes.append(Flagged(entry))
            answer.append(entry)
        self._commit(changes)
        return answer

    async def expunge(self, uids: Collection[int] | None = None) -> Sequence[int]:
        found = self.entries() if uids is None else self.chosen(uids)
        return self.discard([entry.uid for entry in found if DELETED in entry.flags])

    async def remove(self, uids: Collection[int]) -> Sequence[int]:
        return self.discard(uids)

    async def copy(self, uids: Collection[int], target: str) -> Copied:
        octets = sum(entry.size for entry in self.chosen(uids))
        self._account.used().must_have_room(octets, len(self.chosen(uids)))
        return self._copied(uids, target)

    def _copied(self, uids: Collection[int], target: str) -> Copied:
        other = self._account.get(target)
        other.room_for(frozenset().union(*(entry.flags for entry in self.chosen(uids))))
        pairs = []
        for entry in self.chosen(uids):
            stored = other.add(self._octets[entry.uid], entry.flags, entry.received, entry.zone)
            pairs.append((entry.uid, stored.uid))
        return Copied(other.uid_validity, tuple(pairs))

    async def move(self, uids: Collection[int], target: str) -> Copied:
        copied = self._copied(uids, target)
        self.discard([old for old, _ in copied.pairs])
        return copied

    async def close(self) -> None:
        pass

    def room_for(self, flags: Flags) -> None:
        """`LimitReached` where they would be more keywords than there can be."""
        if len({*self.keywords, *(flag for flag in flags if not flag.startswith("\\"))}) > self.most_keywords:
            raise LimitReached("The mailbox has as many keywords as it can hold")

    def _settable(self, flags: Flags) -> Flags:
        flags = settable(flags, self.keywords)
        self.room_for(flags)
        return flags

    def _commit(self, changes: Sequence[Change], uid_next: int = 0) -> None:
        if changes:
            self.apply(changes, self.highest_modseq + 1, uid_next)


class MemoryUpload:
    """A message on its way in."""

    def __init__(self, account: MemoryAccount, name: str, clock: Clock) -> None:
        self._account, self._name, self._clock = account, name, clock
        self._chunks: list[bytes] = []
        self._over = False

    async def write(self, chunk: bytes) -> None:
        self._chunks.append(bytes(chunk))

    async def prepare(self) -> None:
        self._account.get(self._name)
        self._account.used().must_have_room(sum(map(len, self._chunks)))

    async def commit(
        self, flags: Flags = frozenset(), received: float | None = None, zone: int = 0
    ) -> Stored:
        if self._over:
            raise ValueError("the upload is over")
        await self.prepare()
        mailbox = self._account.get(self._name)
        when = self._clock.now() if received is None else received
        stored = mailbox.add(b"".join(self._chunks), flags, when, zone)
        await self.abort()
        return stored

    async def abort(self) -> None:
        self._over = True
        self._chunks.clear()


@dataclass(frozen=True)
class MemorySettings(QuotaSettings):
    """Mail that is gone when the server stops."""


def _build(settings: MemorySettings, assembly: Assembly) -> MemoryStore:
    return MemoryStore(assembly.clock, settings.allowed)


part = Part(settings=MemorySettings, build=_build)
