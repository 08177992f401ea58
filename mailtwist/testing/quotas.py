"""What every store must do so that an account is not filled without end."""

from unittest import SkipTest

from mailtwist.mail.flags import DELETED, SEEN
from mailtwist.store.api import DEFAULT, INBOX, Account, OverQuota, Quota, SupportsQuota, Usage
from mailtwist.testing.mailbox_changes import MailboxChangesContract
from mailtwist.testing.messages import put, uids


class QuotasContract(MailboxChangesContract):
    """Part of `StoreContract`; what is said of limits is for accounts that can have one of their own."""

    async def limited(self, octets: int | None, messages: int | None = None) -> Account:
        account = await self.make_account()
        if isinstance(account, SupportsQuota):
            await account.set_quota(Quota(octets, messages))
            return account
        raise SkipTest("accounts of this store have no quota")

    async def used(self, account: Account) -> tuple[int, int]:
        """(octets, messages)"""
        usage = await account.usage()
        return usage.octets, usage.messages

    async def test_what_is_used_is_counted_whatever_happens(self) -> None:
        account = await self.make_account()
        self.assertEqual(await account.usage(), Usage(0, 0))
        for octets in (b"", b"x" * 10, b"y" * 300):
            await put(account, octets)
        self.assertEqual(await self.used(account), (310, 3))
        await account.create("Other")
        inbox = await account.open(INBOX)
        one, two, three = uids(inbox.entries())
        await inbox.copy([two, three], "Other")
        self.assertEqual(await self.used(account), (620, 5))
        await inbox.move([three], "Other")
        self.assertEqual(await self.used(account), (620, 5))
        await inbox.change_flags([two], "add", frozenset({SEEN, DELETED}))
        await inbox.expunge()
        self.assertEqual(await self.used(account), (610, 4))
        await account.rename("Other", "Third")
        await inbox.remove([one])
        self.assertEqual(await self.used(account), (610, 3))
        await account.delete("Third")
        self.assertEqual(await self.used(account), (0, 0))

    async def test_the_inbox_emptied_by_rename_is_counted_once(self) -> None:
        account = await self.make_account()
        await put(account, b"x" * 100)
        await account.rename(INBOX, "Old")
        self.assertEqual(await self.used(account), (100, 1))

    async def test_a_message_that_does_not_fit_is_refused_and_leaves_nothing(self) -> None:
        account = await self.limited(100)
        await put(account, b"x" * 60)
        self.assertEqual(await account.usage(), Usage(60, 1, 100, None))
        upload = account.upload(INBOX)
        await upload.write(b"y" * 41)
        with self.assertRaises(OverQuota) as caught:
            await upload.prepare()
        self.assertEqual(caught.exception.status, "5.2.2")
        await upload.abort()
        with self.assertRaises(OverQuota):
            await put(account, b"y" * 41)
        await put(account, b"y" * 40)
        self.assertEqual(await self.used(account), (100, 2))

    async def test_big_messages_are_refused_too(self) -> None:
        account = await self.limited(500_000)
        await put(account, b"x" * 400_000)
        with self.assertRaises(OverQuota):
            await put(account, b"y" * 400_000)
        upload = account.upload(INBOX)
        await upload.write(b"y" * 400_000)
        with self.assertRaises(OverQuota):
            await upload.prepare()
        await upload.abort()
        self.assertEqual(await self.used(account), (400_000, 1))

    async def test_so_many_messages_and_no_more(self) -> None:
        account = await self.limited(None, 2)
        uploads = [account.upload(INBOX) for _ in range(3)]
        for upload in uploads:
            await upload.prepare()  # for each of them alone, there is room
        for upload in uploads[:2]:
            await upload.commit()
        with self.assertRaises(OverQuota):
            await uploads[2].commit()
        self.assertEqual(await account.usage(), Usage(0, 2, None, 2))

    async def test_what_goes_makes_room(self) -> None:
        account = await self.limited(100)
        await put(account, b"x" * 100)
        mailbox = await account.open(INBOX)
        with self.assertRaises(OverQuota):
            await put(account, b"y")
        await mailbox.remove(uids(mailbox.entries()))
        await put(account, b"y")

    async def test_a_copy_needs_room_and_a_move_needs_none(self) -> None:
        account = await self.limited(100, 3)
        await put(account, b"x" * 40)
        await put(account, b"y" * 40)
        await account.create("Other")
        inbox, other = await account.open(INBOX), await account.open("Other")
        both = uids(inbox.entries())
        with self.assertRaises(OverQuota):
            await inbox.copy(both, "Other")
        self.assertEqual(list(other.entries()), [])
        self.assertEqual(len((await inbox.move(both, "Other")).pairs), 2)
        self.assertEqual(await self.used(account), (80, 2))

    async def test_a_quota_counts_from_now_on_and_takes_nothing_away(self) -> None:
        account = await self.limited(None)
        await put(account, b"x" * 100)
        assert isinstance(account, SupportsQuota)
        for quota, limits, fits in (
            (Quota(10), (10, None), False),
            (Quota(200, 1), (200, 1), False),
            (Quota(200, 10), (200, 10), True),
            (Quota(DEFAULT, 2), (None, 2), False),
            (Quota(), (None, None), True),
        ):
            await account.set_quota(quota)
            self.assertEqual(await account.quota(), quota)
            usage = await account.usage()
            self.assertEqual((usage.octets_limit, usage.messages_limit), limits)
            self.assertEqual(usage.has_room(1), fits)
            if fits:
                await put(account, b"y")
            else:
                with self.assertRaises(OverQuota):
                    await put(account, b"y")
        self.assertEqual(await self.used(account), (102, 3))
