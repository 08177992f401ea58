"""What a store is: accounts with mailboxes with messages.  All stores pass `testing.store.StoreContract`."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from zope.interface import Interface

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import Flags

INBOX = "INBOX"
SEPARATOR = "/"


class NoSuchMailbox(Trouble):
    def __init__(self, name: str) -> None:
        super().__init__("5.2.0", "No such mailbox", name)


class MailboxExists(Trouble):
    def __init__(self, name: str) -> None:
        super().__init__("5.2.0", "The mailbox already exists", name)


class CannotDo(Trouble):
    """The name or the change is not possible here: `public` says why."""

    def __init__(self, public: str) -> None:
        super().__init__("5.2.0", public)


class LimitReached(CannotDo):
    """There are as many as there can be."""


class HasChildren(CannotDo):
    """There is no such mailbox, but there are some below it."""

    def __init__(self) -> None:
        super().__init__("Only the mailboxes below it exist")


class MessageGone(Trouble):
    """A message that another session has expunged."""

    def __init__(self) -> None:
        super().__init__("5.2.0", "The message is gone")


class OverQuota(Trouble):
    """The account has no room for it; `detail` says how full it is."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("5.2.2", "The mailbox is full", detail)


class Damaged(Trouble):
    """What is on the disk is not what it should be; it may be mended by the next time."""

    def __init__(self, public: str, detail: str = "") -> None:
        super().__init__("4.3.0", public, detail)


class MailboxInUse(Trouble):
    """Somebody else holds the maildrop.  rfc1939#4"""

    def __init__(self) -> None:
        super().__init__("4.2.0", "The mailbox is in use")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as a list sees it.  `size` counts octets with CRLF; `received` is seconds since 1970 with
    `zone` minutes east of UTC; `modseq` grows with every change of the mailbox."""

    uid: int
    flags: Flags
    size: int
    received: float
    modseq: int = 1
    zone: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A mailbox as LIST sees it.  `special_use` is like "\\\\Sent" or None (rfc6154#2)."""

    name: str
    selectable: bool = True
    subscribed: bool = False
    special_use: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """rfc3501#6.3.10, and rfc9051#6.3.11: `size` of all messages together, how many are `deleted`."""

    messages: int
    recent: int
    uid_next: int
    uid_validity: int
    unseen: int
    highest_modseq: int
    size: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What all messages of an account are together, octets as `Entry.size` counts them, and what they may
    be; None is without limit.  Others than this server may have made it more."""

    octets: int
    messages: int
    octets_limit: int | None = None
    messages_limit: int | None = None

    def has_room(self, octets: int, messages: int = 1) -> bool:
        """So much more fits."""
        return _within(self.octets + octets, self.octets_limit) and _within(
            self.messages + messages, self.messages_limit
        )

    def must_have_room(self, octets: int, messages: int = 1) -> None:
        """`OverQuota` when so much more does not fit."""
        if not self.has_room(octets, messages):
            raise OverQuota(
                f"{self.octets} octets in {self.messages} messages, {octets} in {messages} more do not fit"
                f" into {self.octets_limit} and {self.messages_limit}"
            )


def _within(number: int, limit: int | None) -> bool:
    return limit is None or number <= limit


DEFAULT: Final = "default"
Limit = int | None | Literal["default"]


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may have: octets and messages.  None is without limit, DEFAULT what its store is set
    to."""

    octets: Limit = DEFAULT
    messages: Limit = DEFAULT


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a message now is: APPENDUID, one half of COPYUID (rfc4315#3)."""

    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Copied:
    """`pairs` are (old uid, new uid) in ascending order of the old."""

    uid_validity: int
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    entry: Entry


@dataclass(frozen=True, slots=True)
class Flagged:
    entry: Entry


@dataclass(frozen=True, slots=True)
class Gone:
    uid: int
    modseq: int = 0


Change = Arrived | Flagged | Gone
FlagChange = Literal["add", "remove", "replace"]


class Content(Protocol):
    """The octets of one message, lines ended by CRLF.  Stays readable while open, whatever becomes of the
    message; close it."""

    @property
    def size(self) -> int: ...

    async def read(self, start: int, count: int) -> bytes:
        """`count` octets from `start`; fewer only at the end."""

    def close(self) -> None: ...


@runtime_checkable
class SupportsFile(Protocol):
    """A `Content` that may be a file, octet for octet."""

    async def in_file(self, start: int, count: int) -> int | None:
        """The file's descriptor, once these octets of it are in memory and can be sent without waiting for a
        disk; it stays open until `close`.  None: the file has other octets, or fewer; `read` them."""


class Upload(Protocol):
    """A message on its way in.  Nobody sees it before `commit`; `commit` returns when it is on the disk,
    synced with its folder and its UID.  Every upload ends with `commit` or `abort`; after a `write` or
    `prepare` that failed, with `abort`.  `OverQuota` comes from `prepare` when the account has no room for it
    now, from `commit` when others were faster."""

    async def write(self, chunk: bytes) -> None: ...

    async def prepare(self) -> None:
        """All octets are synced; what fails for want of room has failed now.  `commit` calls it too."""

    async def commit(
        self, flags: Flags = frozenset(), received: float | None = None, zone: int = 0
    ) -> Stored:
        """`received` None is now."""

    async def abort(self) -> None:
        """Nothing is left of it.  May be called at any time, also after `commit`, then it does nothing."""


class Mailbox(Protocol):
    """One mailbox, opened.  Several sessions may share one object; each has its own numbers (protocols do
    that).  Errors: `MessageGone`, `Trouble` 4.3.x when the disk is full or broken."""

    @property
    def name(self) -> str: ...

    @property
    def uid_validity(self) -> int: ...

    @property
    def uid_next(self) -> int: ...

    @property
    def highest_modseq(self) -> int: ...

    @property
    def keywords(self) -> Collection[str]:
        """In use here."""

    @property
    def takes_keywords(self) -> bool:
        """There is room for keywords that nobody uses here yet; without, they are `LimitReached`."""

    def entries(self) -> Sequence[Entry]:
        """All messages, ascending by UID, as of the last change told.  Not to be changed by the caller."""

    def entry(self, uid: int) -> Entry | None: ...

    def claim_recent(self) -> Collection[int]:
        """UIDs that no session was told of as \\Recent; whoever claims them is the only one."""

    def recent(self) -> Collection[int]:
        """What `claim_recent` would give, without claiming it."""

    async def refresh(self) -> None:
        """What other processes changed is seen and told to listeners."""

    async def open(self, uid: int) -> Content: ...

    async def open_some(self, uids: Sequence[int]) -> Sequence[Content | None]:
        """The first of `uids` (at least one is asked for), as many as are well held at a time; None for one
        that is not there any more.  Close them all."""

    async def known(self, what: str, uids: Collection[int]) -> Mapping[int, bytes]:
        """What was learned under `what` of those of `uids`, as far as it is still there."""

    async def learn(self, what: str, facts: Mapping[int, bytes]) -> None:
        """`facts` by UID, worked out of messages that never change, are kept as long as the messages are.
        They may be lost at any time, and those that are large (see `store.facts`) are not kept; `what`
        has the version of what is written in it.  It never fails for want of room."""

    async def change_flags(
        self, uids: Collection[int], how: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Sequence[Entry]:
        """The entries as they are now, of those that still exist, ascending.  Durable when it returns.
        Those changed after `unchanged_since` are left alone and not returned (rfc7162#3.1.3)."""

    async def expunge(self, uids: Collection[int] | None = None) -> Sequence[int]:
        """Removes those of `uids` (None: all) that are \\Deleted; the UIDs removed, ascending."""

    async def remove(self, uids: Collection[int]) -> Sequence[int]:
        """Removes `uids` whatever their flags (POP3's QUIT); the UIDs removed, ascending."""

    async def copy(self, uids: Collection[int], target: str) -> Copied:
        """All or nothing; flags and dates go along.  `NoSuchMailbox` is the target's; `OverQuota`."""

    async def move(self, uids: Collection[int], target: str) -> Copied:
        """rfc6851#3.3: each message is in exactly one of the two at any time."""

    def listen(self, told: Callable[[Change], None]) -> Callable[[], None]:
        """`told` is called in the reactor thread for every change, whoever made it, in order; the answer
        ends that."""

    async def lock(self) -> Callable[[], None]:
        """Exclusive for POP3 (rfc1939#4), among all processes: `MailboxInUse`, or the call that lets go.
        A process that dies has let go."""

    async def close(self) -> None:
        """This user of the mailbox has gone; nothing is expunged."""


class Account(Protocol):
    """One user's mail.  Names are Unicode, "/" between levels; INBOX compares without case."""

    @property
    def id(self) -> str: ...

    async def mailboxes(self) -> Sequence[Listed]:
        """All that exist; not selectable: names above them that do not, and subscribed names that do not.
        INBOX first, then by name."""

    async def open(self, name: str) -> Mailbox: ...

    async def status(self, name: str) -> Status: ...

    async def usage(self) -> Usage:
        """Of all its mailboxes.  Cheap."""

    async def create(self, name: str, special_use: str | None = None) -> None:
        """Names above it are made too.  A separator at the end is the caller's to take off."""

    async def delete(self, name: str) -> None:
        """What lies below it stays; sessions that have it open see its messages go."""

    async def rename(self, old: str, new: str) -> None:
        """With everything below it; INBOX moves its messages and stays (rfc3501#6.3.5)."""

    async def subscribe(self, name: str, subscribed: bool) -> None: ...

    def upload(self, name: str) -> Upload:
        """A new message for a mailbox; `NoSuchMailbox` comes from `prepare` or `commit` at the latest."""

    async def close(self) -> None: ...


@runtime_checkable
class SupportsQuota(Protocol):
    """An account that can be given a quota of its own: `mailtwist user quota`."""

    async def usage(self) -> Usage: ...

    async def quota(self) -> Quota: ...

    async def set_quota(self, quota: Quota) -> None:
        """It counts at once, in all processes; nothing that is there goes."""


class Store(Protocol):
    """Where accounts are.  Account ids come from a directory and are never reused."""

    async def account(self, id: str) -> Account:
        """Made on first use."""


class IMailAccount(Interface):
    """An avatar of twisted.cred that is an `Account`: what our servers ask a portal for before the
    interfaces of twisted.mail."""


async def octets(content: Content, step: int = 65536) -> AsyncIterator[bytes]:
    """All of `content`, in pieces of `step`."""
    for start in range(0, content.size, step):
        yield await content.read(start, step)
