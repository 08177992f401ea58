"""Mail into a store's mailbox: ready for everybody first, then seen by everybody."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from twisted.internet.defer import Deferred

from mailtwist.auth.names import canonical
from mailtwist.config.network import Hostnames
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import PartName
from mailtwist.delivery.recipients import Recipients
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import started, to_its_end
from mailtwist.mail.address import Address
from mailtwist.store.api import INBOX, Account, Store, Stored, Upload

T = TypeVar("T")

TAKEN_BACK = Event("delivery.taken_back", "{account}: a delivery that failed for others is undone", "warn")
NOT_TAKEN_BACK = Event("delivery.not_taken_back", "{account}: has a message that will come again", "error")
NOT_LEFT = Event("delivery.not_left", "{account}: an upload could not be cleaned up", "error")


@dataclass(frozen=True)
class Settings:
    """Delivery into mailboxes of this server."""

    store: Annotated[str, PartName("store")] = setting(words="The store whose mailboxes get the mail.")
    mailbox: str = setting(INBOX, words="The mailbox of each account.")
    domains: Hostnames = setting(
        Hostnames(),
        words="The domains whose mail is taken; by default those of the directories.",
        example="example.org",
    )
    postmaster: str = setting(
        "",
        words="The login name of who gets mail for postmaster. While nobody has that name, the mail is kept"
        " in an account called postmaster.",
        example="ann@example.org",
    )


@dataclass
class _Copy:
    account: Account
    upload: Upload
    stored: Stored | None = None


class MailboxTarget:
    """Each account gets its own copy in one of its mailboxes."""

    def __init__(self, store: Store, recipients: Recipients, mailbox: str = INBOX) -> None:
        self._store = store
        self._recipients = recipients
        self._mailbox = mailbox
        self._unfinished: set[Deferred[None]] = set()

    async def serves(self, domain: str) -> bool:
        return await self._recipients.serves(domain)

    async def account(self, address: Address) -> str:
        return await self._recipients.account(address)

    async def owns(self, account: str, address: Address) -> bool:
        person = await self._recipients.person(address)
        return person is not None and person.account == account

    async def begin(self, accounts: Sequence[str]) -> "MailboxTransfer":
        transfer = MailboxTransfer(self._mailbox, self._finish)
        try:
            for account in accounts:
                transfer.add(await self._store.account(account))
        except BaseException:
            await transfer.abort()
            raise
        return transfer

    async def stop(self) -> None:
        """What is being committed, whether or not the sender still waits for it, is committed."""
        for one in list(self._unfinished):
            await to_its_end(one)

    def _finish(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        done = started(work)
        self._unfinished.add(done)
        done.addBoth(self._finished, done)
        return to_its_end(done)

    def _finished(self, result: T, done: Deferred[None]) -> T:
        self._unfinished.discard(done)
        return result


class MailboxTransfer:
    """One message, one upload per account.  A commit that has begun goes on to its end, also when the sender
    has gone: stopped half way it would be in some mailboxes and not in others."""

    def __init__(self, mailbox: str, finish: Callable[[Coroutine[Any, Any, None]], Awaitable[None]]) -> None:
        self._mailbox = mailbox
        self._finish = finish
        self._copies: list[_Copy] = []
        self._over = False

    def add(self, account: Account) -> None:
        self._copies.append(_Copy(account, account.upload(self._mailbox)))

    async def write(self, chunk: bytes) -> None:
        for copy in self._copies:
            await copy.upload.write(chunk)

    async def prepare(self) -> None:
        for copy in self._copies:
            await copy.upload.prepare()

    async def commit(self) -> None:
        self._over = True
        await self._finish(self._commit())

    async def abort(self) -> None:
        if not self._over:
            self._over = True
            await self._finish(self._leave())

    async def _commit(self) -> None:
        """What fails for want of room fails in `prepare`, when nobody has anything yet.  Should one commit
        fail after others, theirs are taken back: the sender will try again for all."""
        try:
            if len(self._copies) > 1:
                await self.prepare()
            for copy in self._copies:
                copy.stored = await copy.upload.commit()
        except BaseException:
            await self._take_back()
            raise
        finally:
            await self._leave()

    async def _take_back(self) -> None:
        for copy in self._copies:
            if copy.stored is None:
                continue
            try:
                await _remove(copy.account, self._mailbox, copy.stored)
                TAKEN_BACK.log(account=copy.account.id)
            except Exception:
                NOT_TAKEN_BACK.failure(account=copy.account.id)

    async def _leave(self) -> None:
        for copy in self._copies:
            try:
                await copy.upload.abort()
                await copy.account.close()
            except Exception:
                NOT_LEFT.failure(account=copy.account.id)


async def _remove(account: Account, name: str, stored: Stored) -> None:
    mailbox = await account.open(name)
    try:
        await mailbox.remove([stored.uid])
    finally:
        await mailbox.close()


def _build(settings: Settings, assembly: Assembly) -> MailboxTarget:
    postmaster = settings.postmaster and canonical(settings.postmaster, assembly.login.default_domain or "")
    directories = tuple(assembly.parts("directory").values())
    recipients = Recipients(directories, settings.domains, postmaster)
    return MailboxTarget(assembly.part("store", settings.store), recipients, settings.mailbox)


part = Part(Settings, _build)
