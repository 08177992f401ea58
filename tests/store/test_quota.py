"""What an account may have: the file that says so, and what others do to the Maildir."""

import shutil

from mailtwist.store.api import DEFAULT, INBOX, OverQuota, Quota, Usage
from mailtwist.testing.messages import put
from tests.store.maildirs import WithMaildir


class QuotaTests(WithMaildir):
    async def test_a_store_is_set_to_a_quota_for_all(self):
        account = await self.account(allowed=Quota(100, 5))
        self.assertEqual(await account.usage(), Usage(0, 0, 100, 5))
        with self.assertRaises(OverQuota):
            await put(account, b"x" * 101)
        await account.set_quota(Quota(None))
        self.assertEqual(await account.usage(), Usage(0, 0, None, 5))
        await put(account, b"x" * 101)

    async def test_the_file_is_read_as_it_is(self):
        account = await self.account(allowed=Quota(100, 5))
        for written, quota in (
            ("octets 7\nmessages none\n", Quota(7, None)),
            ("messages 3\n", Quota(DEFAULT, 3)),
            ("octets 7\r\nmessages 3", Quota(DEFAULT, 3)),
            ("octets 0\nmessages -1\nother 5\n", Quota()),
            ("", Quota()),
            ("octets 99999999999999999999999\n\0\n", Quota()),
        ):
            self.path("mailtwist-quota").write_text(written)
            self.assertEqual(await account.quota(), quota)
        self.path("mailtwist-quota").unlink()
        self.assertEqual(await account.quota(), Quota())

    async def test_what_others_bring_and_take_counts(self):
        account = await self.account(allowed=Quota(100))
        await put(account, b"x" * 50)
        self.path("new", "1.host").write_bytes(b"y\n" * 40)
        await account.status(INBOX)
        self.assertEqual(await account.usage(), Usage(50 + 3 * 40, 2, 100, None))
        with self.assertRaises(OverQuota):
            await put(account, b"x")
        self.file(2).unlink()
        await account.status(INBOX)
        self.assertEqual(await account.usage(), Usage(50, 1, 100, None))
        await put(account, b"x")

    async def test_a_mailbox_that_others_take_away_counts_no_more(self):
        store = await self.make_store()
        account = await store.account("ann")
        for name in ("Work", "Old"):
            await account.create(name)
            await put(account, b"x" * 50, name)
        shutil.rmtree(self.path(".Work"))
        await account.mailboxes()
        self.assertEqual(await account.usage(), Usage(50, 1))
        await store.stop()
        shutil.rmtree(self.path(".Old"))
        self.assertEqual(await (await self.again()).usage(), Usage(0, 0))

    async def test_a_new_index_counts_again(self):
        store = await self.make_store()
        account = await store.account("ann")
        await put(account, b"x" * 50)
        await account.create("Work")
        await put(account, b"x" * 60, "Work")
        await store.stop()
        for path in self.path().glob("mailtwist-index*"):
            path.unlink()
        account = await self.again()
        for name in (INBOX, "Work"):
            await account.status(name)
        self.assertEqual(await account.usage(), Usage(110, 2))
