"""Mail into a store's mailboxes: each account gets its own copy, in its INBOX or where its detail says."""

from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from twisted.internet.defer import Deferred

from mailtwist.auth.names import canonical
from mailtwist.config.network import Hostnames
from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import shown
from mailtwist.config.settings import setting
from mailtwist.config.values import PartName
from mailtwist.delivery.api import Place
from mailtwist.delivery.copies import MailboxTransfer
from mailtwist.delivery.folders import Folders
from mailtwist.delivery.recipients import Recipients
from mailtwist.delivery.room import Room
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import to_its_end, uninterrupted
from mailtwist.mail.address import Address
from mailtwist.store.api import INBOX, Store

T = TypeVar("T")

DIVIDERS = "+-_.=#"
NO_DIVIDER = "none"


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
    detail: str = setting(
        "+",
        words="What divides the user from the detail in `user+detail@example.org`, which reaches the user;"
        " `none` for no such addresses.",
    )
    detail_mailbox: Literal["none", "existing", "create"] = setting(
        "none",
        words="Whether mail for `user+detail` goes to the mailbox `detail` of that user: never, where there"
        " is one, or always, in a new one if need be. With `create`, strangers make mailboxes.",
    )
    over_quota: Literal["defer", "refuse"] = setting(
        "defer",
        words="Whether senders shall come again later to an account that is full, or return the mail.",
    )

    def __post_init__(self) -> None:
        if self.detail != NO_DIVIDER and (len(self.detail) != 1 or self.detail not in DIVIDERS):
            raise ValueError(
                f'detail: "{shown(self.detail)}" cannot divide; write one of {DIVIDERS} or "{NO_DIVIDER}"'
            )

    @property
    def divider(self) -> str:
        return "" if self.detail == NO_DIVIDER else self.detail


class MailboxTarget:
    """Each account gets its own copy in one of its mailboxes."""

    def __init__(
        self, store: Store, recipients: Recipients, clock: Clock, folders: Folders, over_quota: str
    ) -> None:
        self._store = store
        self.recipients = recipients
        self._folders = folders
        self._room = Room(store, clock, over_quota == "refuse")
        self._unfinished: set[Deferred[None]] = set()

    async def serves(self, domain: str) -> bool:
        return await self.recipients.serves(domain)

    async def domains(self) -> Collection[str]:
        """All that are served."""
        return await self.recipients.domains()

    async def places(self, address: Address) -> Sequence[Place]:
        return await self.recipients.places(address)

    async def owns(self, account: str, address: Address) -> bool:
        return await self.recipients.owns(account, address)

    async def must_have_room(self, places: Sequence[Place], size: int) -> None:
        await self._room.must_be(places, size)

    async def begin(self, places: Sequence[Place]) -> MailboxTransfer:
        transfer = MailboxTransfer(self._store, self._finish, self._room)
        try:
            for place in places:
                await self._add(transfer, place)
        except BaseException:
            await transfer.abort()
            raise
        return transfer

    async def _add(self, transfer: MailboxTransfer, place: Place) -> None:
        account = await self._store.account(place.account)
        try:
            mailbox = await self._folders.of(account, place.detail)
        except BaseException:
            await account.close()
            raise
        await transfer.add(account, mailbox, place.head)

    async def stop(self) -> None:
        """What is being committed, whether or not the sender still waits for it, is committed."""
        for one in list(self._unfinished):
            await to_its_end(one)

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        await uninterrupted(work, self._unfinished_is)

    def _unfinished_is(self, work: Deferred[None]) -> None:
        self._unfinished.add(work)
        work.addBoth(self._finished, work)

    def _finished(self, result: T, done: Deferred[None]) -> T:
        self._unfinished.discard(done)
        return result


def _build(settings: Settings, assembly: Assembly) -> MailboxTarget:
    postmaster = settings.postmaster and canonical(settings.postmaster, assembly.login.default_domain or "")
    directories = tuple(assembly.parts("directory").values())
    recipients = Recipients(directories, settings.domains, postmaster, settings.divider)
    folders = Folders(settings.mailbox, settings.detail_mailbox)
    store = assembly.part("store", settings.store)
    return MailboxTarget(store, recipients, assembly.clock, folders, settings.over_quota)


part = Part(Settings, _build)
