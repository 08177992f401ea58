"""What every store must do so that an account is not filled without end."""

from mailtwist.mail.flags import DELETED, SEEN
from mailtwist.store.api import INBOX, Account, Usage
from mailtwist.testing.messages import put, uids


class QuotasContract:
    """Part of `StoreContract`."""

    async def make_account(self) -> Account:
        raise NotImplementedError

    async def used(self, account: Account) -> tuple[int, int]:
        """(octets, messages)"""
        usage = await account.usage()
        return usage.octets, usage.messages

    async def test_what_is_used_is_counted_whatever_happens(self) -> None:
        account = await self.make_account()
        assert await account.usage() == Usage(0, 0)
        for octets in (b"", b"x" * 10, b"y" * 300):
            await put(account, octets)
        assert await self.used(account) == (310, 3)
        await account.create("Other")
        inbox = await account.open(INBOX)
        one, two, three = uids(inbox.entries())
        await inbox.copy([two, three], "Other")
        assert await self.used(account) == (620, 5)
        await inbox.move([three], "Other")
        assert await self.used(account) == (620, 5)
        await inbox.change_flags([two], "add", frozenset({SEEN, DELETED}))
        await inbox.expunge()
        assert await self.used(account) == (610, 4)
        await account.rename("Other", "Third")
        await inbox.remove([one])
        assert await self.used(account) == (610, 3)
        await account.delete("Third")
        assert await self.used(account) == (0, 0)

    async def test_the_inbox_emptied_by_rename_is_counted_once(self) -> None:
        account = await self.make_account()
        await put(account, b"x" * 100)
        await account.rename(INBOX, "Old")
        assert await self.used(account) == (100, 1)
