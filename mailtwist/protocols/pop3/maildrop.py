"""A maildrop as it was at login: numbered messages, deletions that wait for QUIT.  rfc1939#4 rfc1939#6"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailtwist.protocols.pop3.command import No, NoSuchMessage
from mailtwist.protocols.pop3.read_ahead import HELD, ReadAhead
from mailtwist.store.api import INBOX, Account, Content, Entry, Mailbox, octets
from mailtwist.store.content import Octets

FETCHED = "$POP3Fetched"
"""Is on messages that a client had, where the server keeps them only for some time."""


AT_A_TIME = 256 * 1024
"""Octets of a big message that are read to be sent."""


class NotRemoved(No):
    """rfc1939#6"""

    def __init__(self) -> None:
        super().__init__("Some deleted messages were not removed", "SYS/TEMP", "4.2.0")


class Message(Protocol):
    """One message, opened."""

    @property
    def size(self) -> int:
        """In octets, as LIST tells it."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """All of it, lines ended by CRLF; closes the message at its end, wherever that is.  Once only."""


class Maildrop(Protocol):
    """Messages are numbered from 1; a number that has no message, or a deleted one, is `NoSuchMessage`."""

    async def sizes(self) -> Sequence[int | None]:
        """Of each message in order; None where it has been deleted."""

    async def size(self, number: int) -> int: ...

    async def uids(self) -> Sequence[bytes | None]:
        """Names that last longer than the session, in order; None where a message has been deleted."""

    async def uid(self, number: int) -> bytes: ...

    async def open(self, number: int) -> Message: ...

    def fetched(self, number: int) -> None:
        """The client has all of it."""

    async def delete(self, number: int) -> None:
        """The message is gone for this session, and for good after `commit`."""

    async def restore(self) -> None:
        """Nothing has been deleted."""

    async def commit(self) -> None:
        """What was deleted is gone for good, and what is no longer kept.  `Trouble` when not all of it is."""

    async def close(self) -> None:
        """Nobody is here any more; others may come.  May be called again."""


async def opened(account: Account, kept_since: float | None = None) -> "StoreMaildrop":
    """The INBOX of `account`, for us alone (rfc1939#4): `MailboxInUse`.  At the end of the session those that
    came before `kept_since` are removed, if a client has had them; None: nothing is."""
    mailbox = await account.open(INBOX)
    try:
        unlock = await mailbox.lock()
    except BaseException:
        await mailbox.close()
        raise
    try:
        await mailbox.refresh()
    except BaseException:
        unlock()
        await mailbox.close()
        raise
    return StoreMaildrop(mailbox, unlock, kept_since)


class StoreMaildrop:
    """A mailbox of a store.  Messages that arrive later are not seen; UIDL tells UIDVALIDITY and UID."""

    def __init__(self, mailbox: Mailbox, unlock: Callable[[], None], kept_since: float | None = None) -> None:
        self._mailbox = mailbox
        self._kept_since = kept_since
        self._unlock = unlock
        self._entries: Sequence[Entry] = tuple(mailbox.entries())
        self._validity = mailbox.uid_validity
        self._deleted: set[int] = set()
        self._fetched: set[int] = set()
        self._ahead = ReadAhead(mailbox, self._entries)
        self._closed = False

    async def sizes(self) -> Sequence[int | None]:
        return [None if n in self._deleted else e.size for n, e in enumerate(self._entries, 1)]

    async def size(self, number: int) -> int:
        return self._entry(number).size

    async def uids(self) -> Sequence[bytes | None]:
        return [None if n in self._deleted else self._name(e) for n, e in enumerate(self._entries, 1)]

    async def uid(self, number: int) -> bytes:
        return self._name(self._entry(number))

    async def open(self, number: int) -> Message:
        content = await self._ahead.open(number, self._entry(number))
        if isinstance(content, Octets) and content.size <= HELD:
            return InMemory(content.octets)
        return _Opened(content)

    def fetched(self, number: int) -> None:
        self._fetched.add(self._entry(number).uid)

    async def delete(self, number: int) -> None:
        self._entry(number)
        self._deleted.add(number)

    async def restore(self) -> None:
        self._deleted.clear()

    async def commit(self) -> None:
        gone = {self._entries[n - 1].uid for n in self._deleted} | self._no_longer_kept()
        if self._kept_since is not None and self._fetched - gone:
            await self._mailbox.change_flags(self._fetched - gone, "add", frozenset({FETCHED}))
        if gone:
            removed = await self._mailbox.remove(sorted(gone))
            if any(self._mailbox.entry(uid) is not None for uid in gone.difference(removed)):
                raise NotRemoved

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._ahead.close()
            self._unlock()
            await self._mailbox.close()

    def _no_longer_kept(self) -> set[int]:
        if self._kept_since is None:
            return set()
        old = (entry for entry in self._entries if entry.received < self._kept_since)
        return {entry.uid for entry in old if entry.uid in self._fetched or FETCHED in entry.flags}

    def _entry(self, number: int) -> Entry:
        if not 0 < number <= len(self._entries) or number in self._deleted:
            raise NoSuchMessage
        return self._entries[number - 1]

    def _name(self, entry: Entry) -> bytes:
        return b"%d.%d" % (self._validity, entry.uid)


@dataclass(frozen=True, slots=True)
class InMemory:
    """A `Message` of which all octets are here; nothing is to be closed."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self.octets


class _Opened:
    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return self._content.size

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in octets(self._content, AT_A_TIME):
                yield chunk
        finally:
            self._content.close()
