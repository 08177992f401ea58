"""One account kept in a Maildir: mailboxes, deliveries, and the order in which work on it is done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

from mailtwist.kit.events import Event
from mailtwist.kit.files import disk_trouble
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.watching import Watching
from mailtwist.store.api import INBOX, Listed, NoSuchMailbox, Quota, Status, Stored, Usage
from mailtwist.store.maildir import mailboxes, subscriptions
from mailtwist.store.maildir.arriving import Letter
from mailtwist.store.maildir.bell import Bell
from mailtwist.store.maildir.counter import Counter
from mailtwist.store.maildir.folders import must_exist
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.hearing import Hearing
from mailtwist.store.maildir.index import FILE, Index, IndexDamaged, Indexes
from mailtwist.store.maildir.look import look
from mailtwist.store.maildir.mailbox import MaildirMailbox
from mailtwist.store.maildir.messages import transfer
from mailtwist.store.maildir.news import News, news
from mailtwist.store.maildir.onebyone import OneByOne
from mailtwist.store.maildir.quota import write as write_quota
from mailtwist.store.maildir.rows import all_uids
from mailtwist.store.maildir.upload import MaildirUpload
from mailtwist.store.names import canonical, new_name

P = ParamSpec("P")
T = TypeVar("T")

INDEX_DAMAGED = Event("store.index_damaged", "{account}: the index is damaged and set aside: {why}", "error")


class MaildirAccount:
    """An `api.Account`, one object per process for all who use it."""

    def __init__(
        self,
        id: str,
        ground: Ground,
        threads: Threads,
        indexes: Indexes,
        first_mailboxes: Sequence[str],
        watching: Watching,
    ) -> None:
        self.id = id
        self.root = ground.root
        self.files = ground.files
        self.threads = threads
        self.clock = ground.clock
        self.begun = False
        self._indexes = indexes
        self._first_mailboxes = first_mailboxes
        self._ground = ground
        self._in_turn = OneByOne()
        self._open: dict[int, MaildirMailbox] = {}
        self._bell = Bell(ground.root)
        self._hearing = Hearing(watching, self._bell, ground.clock, self._look)
        self._counter = Counter(self._in_turn, self._work)

    async def begin(self) -> None:
        """Its folders are there, also for those who come while they are made."""
        await self.work(lambda ground: None)
        self.begun = True

    async def work(self, do: Callable[Concatenate[Ground, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """What `do` returns, done in a thread when it is its turn.  When this returns, whoever listens to one
        of this account's mailboxes has been told what is new there."""
        return await self._in_turn.run(lambda: self._work(lambda ground: do(ground, *args, **kw)))

    async def _work(self, do: Callable[[Ground], T]) -> T:
        known = {uid_validity: mailbox.highest_modseq for uid_validity, mailbox in self._open.items()}
        outcome, heard = await self.threads.run(self._blocking, do, known)
        for uid_validity, one in heard.items():
            if uid_validity in self._open:
                await self._open[uid_validity].hear(one)
        return outcome()

    def _blocking(
        self, do: Callable[[Ground], T], known: Mapping[int, int]
    ) -> tuple[Callable[[], T], dict[int, News]]:
        """What gives the result or raises the trouble, and what was found on the way."""
        try:
            self.files.make_folder(self.root)
            with self._lent() as index:
                self._ground.index = index
                if not index.begun:
                    mailboxes.begin(self._ground, self._first_mailboxes)
                    self._bell.make()
                    index.begun = True
                changes = index.changes
                try:
                    outcome = _outcome(do, self._ground)
                finally:
                    if index.changes != changes:
                        self._bell.ring()
                return outcome, news(self._ground, known)
        except OSError as error:
            raise disk_trouble(error) from error

    @contextmanager
    def _lent(self) -> Iterator[Index]:
        try:
            with self._indexes.lent(self.root / FILE) as index:
                yield index
        except IndexDamaged as damaged:
            INDEX_DAMAGED.log(account=self.id, why=damaged.detail)
            raise

    async def mailboxes(self) -> Sequence[Listed]:
        return await self.work(mailboxes.listing)

    async def open(self, name: str) -> MaildirMailbox:
        uid_validity = await self._looked(name)
        mailbox = self._open.setdefault(uid_validity, MaildirMailbox(self, uid_validity))
        mailbox.users += 1
        try:
            if not mailbox.loaded:
                await mailbox.refresh()
            if not mailbox.loaded:
                raise NoSuchMailbox(name)
            self._hearing.begin(mailbox)
        except BaseException:
            self.leave(mailbox)
            raise
        return mailbox

    def leave(self, mailbox: MaildirMailbox) -> None:
        """One user less; without any, it is forgotten."""
        mailbox.users -= 1
        if mailbox.users <= 0 and self._open.get(mailbox.uid_validity) is mailbox:
            del self._open[mailbox.uid_validity]
            self._hearing.end(mailbox)

    async def status(self, name: str) -> Status:
        return await self.work(mailboxes.status, await self._looked(name))

    async def usage(self) -> Usage:
        return await self.work(lambda ground: ground.limits.usage(ground.index))

    async def quota(self) -> Quota:
        return await self.work(lambda ground: ground.limits.own())

    async def set_quota(self, quota: Quota) -> None:
        await self.work(lambda ground: write_quota(ground.files, ground.root, quota))

    def must_take(self, name: str, octets: int) -> None:
        """Now a message could come in: else `NoSuchMailbox`, `OverQuota`.  Blocks; in any thread."""
        must_exist(self.root, name)
        if self._ground.limits.there_are:
            with self._lent() as index:
                self._ground.limits.must_have_room(index, octets)

    async def create(self, name: str, special_use: str | None = None) -> None:
        await self.work(mailboxes.create, name, special_use)

    async def delete(self, name: str) -> None:
        await self.work(mailboxes.delete, name)

    async def rename(self, old: str, new: str) -> None:
        old, new = canonical(old), new_name(new)
        if old == INBOX:
            await self.work(_empty_inbox_into, new)
        else:
            await self.work(mailboxes.rename, old, new)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        await self.work(_subscribe, canonical(name), subscribed)

    def upload(self, name: str) -> MaildirUpload:
        return MaildirUpload(self, name)

    async def deliver(self, letter: Letter) -> Stored:
        """The message is in its mailbox, together with all others that wait meanwhile."""
        return await self._counter.take(letter)

    async def close(self) -> None:
        """What is open stays open until it is closed itself."""

    async def idle(self) -> None:
        """The work under way is done, and nothing is heard any more."""
        self._hearing.stop()
        await self._in_turn.run(_nothing)

    async def _look(self, changed: Mapping[MaildirMailbox, bool]) -> None:
        for mailbox, sure in changed.items():
            await mailbox.refresh(sure)
        if not changed:
            await self.work(lambda ground: None)

    async def _looked(self, name: str) -> int:
        """The UIDVALIDITY of the mailbox; the index is as the folder is."""
        uid_validity, more = await self.work(_find, name)
        while more:
            more = await self.work(look, uid_validity)
        return uid_validity


def _outcome(do: Callable[[Ground], T], ground: Ground) -> Callable[[], T]:
    try:
        result = do(ground)
    except Trouble as trouble:
        return partial(_raise, trouble)
    return lambda: result


def _raise(trouble: Trouble) -> NoReturn:
    raise trouble


def _find(ground: Ground, name: str) -> tuple[int, bool]:
    """The UIDVALIDITY; and whether there is more to look at."""
    more = look(ground, ground.find(name).uid_validity)
    return ground.find(name).uid_validity, more  # a look can find it replaced


def _subscribe(ground: Ground, name: str, subscribed: bool) -> None:
    subscriptions.subscribe(ground.files, ground.root, name, subscribed)


def _empty_inbox_into(ground: Ground, new: str) -> None:
    """RENAME of INBOX: its messages go, it stays.  rfc3501#6.3.5"""
    inbox = ground.find(INBOX)
    while look(ground, inbox.uid_validity):
        pass
    mailboxes.create(ground, new, None)
    try:
        transfer(ground, inbox.uid_validity, all_uids(ground, inbox), new, keep=False)
    except BaseException:
        with suppress(Exception):
            mailboxes.delete(ground, new)
        raise


async def _nothing() -> None:
    pass
