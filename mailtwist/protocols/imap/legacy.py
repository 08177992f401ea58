"""Accounts and mailboxes written for twisted.mail, as ours.  rfc3501#2"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.mail import imap4

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import DELETED, RECENT, Flags, canonical
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.abilities import Namespace, Namespaces
from mailtwist.protocols.imap.stock_message import date, date_written, rebuilt, text
from mailtwist.store.api import (
    SEPARATOR,
    CannotDo,
    Change,
    Copied,
    Entry,
    FlagChange,
    Listed,
    MailboxExists,
    MessageGone,
    NoSuchMailbox,
    Status,
    Stored,
    Usage,
)
from mailtwist.store.content import Octets
from mailtwist.store.view import View, differences

IN_MEMORY = 1024 * 1024
_MODES = {"add": 1, "remove": -1, "replace": 0}
_FLAG = re.compile(r"\\?[^\x00-\x20(){%*\"\\\]\x7f-\U0010ffff]+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_STATUS = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN")


@contextmanager
def in_our_words() -> Iterator[None]:
    """What code written for twisted.mail raises, as our servers say it."""
    try:
        yield
    except (imap4.IllegalClientResponse, imap4.MismatchedNesting, imap4.MismatchedQuoting) as error:
        raise Malformed(_words(error)) from error
    except imap4.NoSuchMailbox as error:
        raise NoSuchMailbox(_words(error)) from error
    except imap4.MailboxCollision as error:
        raise MailboxExists(_words(error)) from error
    except imap4.ReadOnlyMailbox as error:
        raise Trouble("5.7.1", "The mailbox is read-only", _words(error)) from error
    except (imap4.MailboxException, imap4.IllegalOperation, imap4.IllegalMailboxEncoding) as error:
        raise CannotDo(_words(error)) from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def _ask(call: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    """What a stock method gives, at once or by a Deferred."""
    with in_our_words():
        return await maybeDeferred(call, *args, **kw)


class LegacyAccount:
    """An `IAccountIMAP` as an `Account`.

    It cannot say which UID a new message got, nor expunge some messages only, nor what has changed since, nor
    how large all messages are, and it knows no special uses: what `lacks` names is not for it.  `listener`
    hears what its mailboxes tell.
    """

    lacks = frozenset({"condstore", "move", "special_use", "status_size", "uidplus"})

    def __init__(self, stock: Any, listener: Any) -> None:
        self.stock = stock
        self.id = str(getattr(stock, "name", ""))
        self._listener = listener
        self._mark = ""
        self._opened: list[LegacyMailbox] = []

    async def mailboxes(self) -> Sequence[Listed]:
        found = []
        for name, box in await _ask(self.stock.listMailboxes, "", "*"):
            self._mark = text(box.getHierarchicalDelimiter()) or SEPARATOR
            flags = {str(flag).lower() for flag in box.getFlags()}
            subscribed = bool(await _ask(self.stock.isSubscribed, name))
            found.append(Listed(self._swapped(text(name)), "\\noselect" not in flags, subscribed))
        return sorted(found, key=lambda one: (one.name != "INBOX", one.name))

    async def open(self, name: str) -> "LegacyMailbox":
        stock = await self.select(name)
        if "\\noselect" in {str(flag).lower() for flag in stock.getFlags()}:
            raise CannotDo("The mailbox cannot be selected")
        mailbox = LegacyMailbox(self, stock, name, self._listener)
        await mailbox.refresh()
        self._opened.append(mailbox)
        return mailbox

    async def status(self, name: str) -> Status:
        stock = await self.select(name)
        known = await _ask(stock.requestStatus, _STATUS)
        messages, recent, uid_next, uid_validity, unseen = (int(known.get(item, 0)) for item in _STATUS)
        return Status(messages, recent, uid_next, uid_validity, unseen, 0)

    async def usage(self) -> Usage:
        """Its own keeper counts; there is no word for it."""
        return Usage(0, 0)

    async def create(self, name: str, special_use: str | None = None) -> None:
        if not await _ask(self.stock.create, await self._theirs(name)):
            raise MailboxExists(name)

    async def delete(self, name: str) -> None:
        await self.select(name)
        await _ask(self.stock.delete, await self._theirs(name))

    async def rename(self, old: str, new: str) -> None:
        await _ask(self.stock.rename, await self._theirs(old), await self._theirs(new))

    async def subscribe(self, name: str, subscribed: bool) -> None:
        call = self.stock.subscribe if subscribed else self.stock.unsubscribe
        await _ask(call, await self._theirs(name))

    def upload(self, name: str) -> "LegacyUpload":
        return LegacyUpload(self, name)

    async def close(self) -> None: ...

    async def namespaces(self) -> Namespaces:
        presenter: Any = imap4.INamespacePresenter(self.stock, None)
        if presenter is None:
            return Namespaces()
        asked = (presenter.getPersonalNamespaces, presenter.getUserNamespaces, presenter.getSharedNamespaces)
        return Namespaces(*[_namespace(await _ask(call)) for call in asked])

    async def select(self, name: str) -> Any:
        """The stock mailbox."""
        found = await _ask(self.stock.select, await self._theirs(name), True)
        if found is None:
            raise NoSuchMailbox(name)
        return found

    async def changed(self, stock: Any) -> None:
        """A mailbox got messages by us: who has it open sees them, whether it tells listeners or not."""
        for mailbox in [one for one in self._opened if one.stock is stock]:
            await mailbox.refresh()

    def closed(self, mailbox: "LegacyMailbox") -> bool:
        """Nobody has the stock mailbox open any more."""
        self._opened = [one for one in self._opened if one is not mailbox]
        return all(one.stock is not mailbox.stock for one in self._opened)

    async def _theirs(self, name: str) -> str:
        if not self._mark:
            await self.mailboxes()
        return self._swapped(name)

    def _swapped(self, name: str) -> str:
        """Our name of their mailbox, or theirs of ours: the separators change places."""
        if self._mark in ("", SEPARATOR):
            return name
        return name.translate(str.maketrans(SEPARATOR + self._mark, self._mark + SEPARATOR))


class LegacyMailbox(View):
    """An `IMailboxIMAP` as a `Mailbox`.  It is read anew whenever it tells of a change, on NOOP and on IDLE,
    for it has no word for an expunged message."""

    def __init__(self, account: LegacyAccount, stock: Any, name: str, listener: Any) -> None:
        super().__init__(name, int(stock.getUIDValidity()))
        self.stock = stock
        self._account = account
        self._listener = listener
        self._recents: set[int] = set()
        self._reading = self._again = False

    @property
    def read_only(self) -> bool:
        return not self.stock.isWriteable()

    def claim_recent(self) -> Collection[int]:
        claimed, self._recents = self._recents, set()
        return claimed

    def recent(self) -> Collection[int]:
        return set(self._recents)

    def listen(self, told: Callable[[Change], None]) -> Callable[[], None]:
        stop = super().listen(told)
        self.stock.addListener(self._listener)

        def end() -> None:
            stop()
            self.stock.removeListener(self._listener)

        return end

    async def refresh(self) -> None:
        self._again = True
        if self._reading:
            return
        self._reading = True
        try:
            while self._again:
                self._again = False
                await self._read_all()
        finally:
            self._reading = False

    async def _read_all(self) -> None:
        count = int(await _ask(self.stock.getMessageCount))
        after = await self._read(imap4.MessageSet(1, count), False) if count else []
        known = {entry.uid for entry in self.entries()}
        gone = known - {entry.uid for entry in after}
        self._recents -= gone
        uid_next = max(int(await _ask(self.stock.getUIDNext)), after[-1].uid + 1 if after else 1)
        self._change(after, uid_next)

    async def _read(self, messages: Any, by_uid: bool) -> list[Entry]:
        found = await _ask(self.stock.fetch, messages, by_uid)
        entries = [self._entry(message) for _, message in found]
        return sorted(entries, key=lambda entry: entry.uid)

    def _entry(self, message: Any) -> Entry:
        uid = int(message.getUID())
        flags = {canonical(text(flag)) for flag in message.getFlags()}
        before = self.entry(uid)
        if before is None and RECENT in flags:
            self._recents.add(uid)
        kept = frozenset(flag for flag in flags - {RECENT} if _FLAG.fullmatch(flag))
        if before is not None:
            same = before.flags == kept
            return before if same else replace(before, flags=kept, modseq=self.highest_modseq + 1)
        received, zone = date(message.getInternalDate())
        return Entry(uid, kept, int(message.getSize()), received, self.highest_modseq + 1, zone)

    def _change(self, after: Sequence[Entry], uid_next: int = 0) -> None:
        modseq = self.highest_modseq + 1
        changes = differences(self.entries(), after, modseq)
        self.apply(changes, modseq if changes else 0, uid_next)

    async def open(self, uid: int) -> "Octets":
        return Octets(_octets(await self._message(uid)))

    async def _message(self, uid: int) -> Any:
        for _, message in await _ask(self.stock.fetch, imap4.MessageSet(uid), True):
            return message
        raise MessageGone()

    async def change_flags(
        self, uids: Collection[int], how: FlagChange, flags: Flags, unchanged_since: int | None = None
    ) -> Sequence[Entry]:
        wanted = [e.uid for e in self.chosen(uids) if unchanged_since is None or e.modseq <= unchanged_since]
        if not wanted:
            return []
        await _ask(self.stock.store, _set(wanted), sorted(flags), _MODES[how], uid=True)
        read = {entry.uid: entry for entry in await self._read(_set(wanted), True)}
        self._change([read.get(entry.uid, entry) for entry in self.entries()])
        return [entry for entry in self.chosen(wanted) if entry.uid in read]

    async def expunge(self, uids: Collection[int] | None = None) -> Sequence[int]:
        deleted = {entry.uid for entry in self.entries() if DELETED in entry.flags}
        if uids is not None and not deleted <= set(uids):
            raise CannotDo("This mailbox can only expunge everything")
        await _ask(self.stock.expunge)
        await self.refresh()
        return sorted(uid for uid in deleted if self.entry(uid) is None)

    async def remove(self, uids: Collection[int]) -> Sequence[int]:
        raise CannotDo("This mailbox can only expunge everything")

    async def search(self, words: Sequence[Any], *, by_uid: bool) -> Collection[int] | None:
        searchable: Any = imap4.ISearchableMailbox(self.stock, None)
        if searchable is None:
            return None
        try:
            found = await maybeDeferred(searchable.search, words, by_uid)
        except (imap4.IllegalQueryError, imap4.IllegalOperation):
            return None  # there is more to ask for than it knows
        if by_uid:
            return [int(uid) for uid in found]
        entries = self.entries()
        return [entries[int(number) - 1].uid for number in found if 0 < int(number) <= len(entries)]

    async def copy(self, uids: Collection[int], target: str) -> Copied:
        other = await self._account.select(target)
        first = int(await _ask(other.getUIDNext))
        pairs = []
        try:
            for entry in self.chosen(uids):
                pairs.append((entry.uid, await _copy(await self._message(entry.uid), other)))
        except Exception:
            await _take_back(other, first, len(pairs))
            raise
        finally:
            await self._account.changed(other)
        return Copied(int(other.getUIDValidity()), tuple(pair for pair in pairs if pair[1]))

    async def move(self, uids: Collection[int], target: str) -> Copied:
        raise CannotDo("This mailbox cannot move messages")

    async def close(self) -> None:
        closeable: Any = imap4.ICloseableMailbox(self.stock, None)
        if self._account.closed(self) and closeable is not None:
            await _ask(closeable.close)


class LegacyUpload:
    """A message for `addMessage`, in a temporary file when it is big."""

    def __init__(self, account: LegacyAccount, name: str) -> None:
        self._account = account
        self._name = name
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (closed by abort)

    async def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    async def prepare(self) -> None:
        await self._account.select(self._name)

    async def commit(
        self, flags: Flags = frozenset(), received: float | None = None, zone: int = 0
    ) -> Stored:
        stock = await self._account.select(self._name)
        self._file.seek(0)
        when = None if received is None else date_written(received, zone)
        await _ask(stock.addMessage, self._file, sorted(flags), when)
        await self._account.changed(stock)
        return Stored(int(stock.getUIDValidity()), 0)

    async def abort(self) -> None:
        self._file.close()


async def _copy(message: Any, other: Any) -> int:
    """The UID of the copy; 0 where it is not known."""
    copier: Any = imap4.IMessageCopier(other, None)
    if copier is not None:
        return int(await _ask(copier.copy, message))
    flags = [flag for flag in map(text, message.getFlags()) if canonical(flag) != RECENT]
    await _ask(other.addMessage, BytesIO(_octets(message)), flags, message.getInternalDate())
    return 0


async def _take_back(other: Any, first: int, count: int) -> None:
    """The `count` messages from the UID `first` on are gone, unless others might go with them."""
    messages = int(await _ask(other.getMessageCount))
    found = [one for _, one in await _ask(other.fetch, imap4.MessageSet(1, messages), False)] if count else []
    new = [int(one.getUID()) for one in found if int(one.getUID()) >= first]
    deleted = any(canonical(text(flag)) == DELETED for one in found for flag in one.getFlags())
    if len(new) == count > 0 and not deleted:
        await _ask(other.store, _set(new), [DELETED], 1, uid=True)
        await _ask(other.expunge)


def _octets(message: Any) -> bytes:
    file: Any = imap4.IMessageFile(message, None)
    octets: bytes = rebuilt(message) if file is None else file.open().read()
    return _BARE_LF.sub(b"\r\n", octets)


def _set(uids: Collection[int]) -> Any:
    ranges: list[tuple[int, int]] = []
    for uid in sorted(uids):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], uid
        else:
            ranges.append((uid, uid))
    return imap4.MessageSet(ranges)


def _namespace(stock: Any) -> Namespace:
    return tuple((text(prefix), text(mark)) for prefix, mark in stock or ())
