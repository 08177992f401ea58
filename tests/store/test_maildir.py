"""Mail in Maildirs keeps the contract."""

import os

from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import INBOX
from mailtwist.store.maildir.content import HELD_TOGETHER, OPENED_TOGETHER, SMALL
from mailtwist.testing.messages import put
from mailtwist.testing.store import StoreContract
from tests.store.maildirs import WithMaildir


class MaildirStoreTests(WithMaildir, StoreContract):
    pass


class MaildirStoreInThreadsTests(WithMaildir, StoreContract):
    async def make_store(self, folder=None, **more):
        threads = Threads("store", 4)
        self.addCleanup(threads.stop)
        return await super().make_store(folder, threads=threads, **more)


class OpenedTogetherTests(WithMaildir):
    async def opened(self, *messages):
        """How many a client that asks for all holds at first."""
        account = await self.account()
        uids = [(await put(account, octets)).uid for octets in messages]
        found = await (await account.open(INBOX)).open_some(uids)
        for content in found:
            content.close()
        return len(found)

    async def test_no_more_than_so_many(self):
        self.assertEqual(await self.opened(*[b"x"] * (OPENED_TOGETHER + 1)), OPENED_TOGETHER)

    async def test_no_more_octets_than_so_many(self):
        self.assertEqual(await self.opened(*[b"x" * SMALL] * (HELD_TOGETHER // SMALL), b"x"), 4)

    async def test_a_message_of_any_size_is_opened(self):
        self.assertEqual(await self.opened(b"x" * (HELD_TOGETHER + 1), b"x"), 2)

    async def test_no_more_open_files_than_so_many(self):
        self.assertEqual(await self.opened(*[b"x" * (SMALL + 1)] * 12), HELD_TOGETHER // SMALL)

    async def test_a_file_that_others_rename_meanwhile_is_found_with_the_next(self):
        account = await self.account()
        uids = [(await put(account, b"%d" % number)).uid for number in range(2)]
        mailbox = await account.open(INBOX)
        self.file(uids[1]).rename(f"{self.file(uids[1])}S")
        self.assertEqual(len(await mailbox.open_some(uids)), 1)
        (content,) = await mailbox.open_some(uids[1:])
        self.assertEqual(await content.read(0, 9), b"1")

    async def test_a_file_that_others_have_written_to_is_read_as_it_is_now(self):
        account = await self.account()
        uids = [(await put(account, b"four")).uid for _ in range(3)]
        mailbox = await account.open(INBOX)
        for uid, octets in zip(uids, (b"", b"three and more", b"five" * HELD_TOGETHER), strict=True):
            self.file(uid).write_bytes(octets)
            content = await mailbox.open(uid)
            self.assertEqual((content.size, await content.read(0, 99)), (len(octets), octets[:99]))
            content.close()

    async def test_a_pipe_in_the_place_of_a_message_keeps_nobody_waiting(self):
        account = await self.account()
        uid = (await put(account, b"x")).uid
        mailbox = await account.open(INBOX)
        path = self.file(uid)
        path.unlink()
        os.mkfifo(path)
        with self.assertRaises(Trouble):
            await mailbox.open(uid)
