"""One message for several accounts: ready for everybody first, then seen by everybody, or by nobody."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from mailtwist.delivery.room import Room
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import Account, NoSuchMailbox, OverQuota, Store, Stored, Upload

TAKEN_BACK = Event("delivery.taken_back", "{account}: a delivery that failed for others is undone", "warn")
NOT_TAKEN_BACK = Event("delivery.not_taken_back", "{account}: has a message that will come again", "error")
NOT_LEFT = Event("delivery.not_left", "{account}: an upload could not be cleaned up", "error")


class FolderGone(Trouble):
    """Its owner removed the mailbox while mail for it came."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.2.0", "The mailbox has just gone, try again later", detail)


@dataclass
class _Copy:
    account: Account
    mailbox: str
    upload: Upload
    stored: Stored | None = None


class MailboxTransfer:
    """One upload per account.  A commit that has begun goes on to its end, also when the sender has gone:
    stopped half way it would be in some mailboxes and not in others."""

    def __init__(
        self, store: Store, finish: Callable[[Coroutine[Any, Any, None]], Awaitable[None]], room: Room
    ) -> None:
        self._store = store
        self._finish = finish
        self._room = room
        self._copies: list[_Copy] = []
        self._over = False

    async def add(self, account: Account, mailbox: str, head: bytes) -> None:
        """One more copy, before the first `write`."""
        copy = _Copy(account, mailbox, account.upload(mailbox))
        self._copies.append(copy)
        if head:
            await copy.upload.write(head)

    async def write(self, chunk: bytes) -> None:
        for copy in self._copies:
            await copy.upload.write(chunk)

    async def prepare(self) -> None:
        await self._of_each(self._prepared)

    async def commit(self) -> None:
        self._over = True
        await self._finish(self._commit())

    async def abort(self) -> None:
        if not self._over:
            self._over = True
            await self._finish(self._leave())

    async def take_back(self) -> None:
        await self._finish(self._take_back())

    async def _commit(self) -> None:
        """What fails for want of room fails in `prepare`, when nobody has anything yet.  Should one commit
        fail when others do not, theirs are taken back: the sender will try again for all."""
        try:
            if len(self._copies) > 1:
                await self.prepare()
            await self._of_each(self._committed)
        except BaseException:
            await self._take_back()
            raise
        finally:
            await self._leave()

    async def _of_each(self, do: Callable[[_Copy], Awaitable[None]]) -> None:
        """All at once: what many syncs wait for, the disk, does together."""
        if len(self._copies) == 1:
            await do(self._copies[0])
        else:
            await together(*map(do, self._copies))

    async def _prepared(self, copy: _Copy) -> None:
        try:
            await copy.upload.prepare()
        except (OverQuota, NoSuchMailbox) as trouble:
            raise self._told(copy, trouble) from trouble

    async def _committed(self, copy: _Copy) -> None:
        try:
            copy.stored = await copy.upload.commit()
        except (OverQuota, NoSuchMailbox) as trouble:
            raise self._told(copy, trouble) from trouble

    def _told(self, copy: _Copy, trouble: OverQuota | NoSuchMailbox) -> Trouble:
        if isinstance(trouble, OverQuota):
            return self._room.full(copy.account.id, trouble)
        return FolderGone(f"{copy.account.id}: {trouble.detail}")

    async def _take_back(self) -> None:
        for copy in self._copies:
            stored, copy.stored = copy.stored, None
            if stored is None:
                continue
            try:
                await self._removed(copy, stored)
                TAKEN_BACK.log(account=copy.account.id)
            except Exception:
                NOT_TAKEN_BACK.failure(account=copy.account.id)

    async def _removed(self, copy: _Copy, stored: Stored) -> None:
        account = await self._store.account(copy.account.id)
        try:
            mailbox = await account.open(copy.mailbox)
            try:
                if mailbox.uid_validity == stored.uid_validity:
                    await mailbox.remove([stored.uid])
            finally:
                await mailbox.close()
        finally:
            await account.close()

    async def _leave(self) -> None:
        for copy in self._copies:
            for end in (copy.upload.abort, copy.account.close):
                try:
                    await end()
                except Exception:
                    NOT_LEFT.failure(account=copy.account.id)
