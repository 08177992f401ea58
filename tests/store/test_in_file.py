"""Big messages of a Maildir are files, and say so where the octets are the same."""

import os

from mailtwist.kit.threads import Threads
from mailtwist.store.api import INBOX, SupportsFile
from mailtwist.store.maildir import content
from mailtwist.store.maildir.content import SMALL
from mailtwist.testing.messages import put
from tests.store.maildirs import WithMaildir

BIG = b"Subject: big\r\n\r\n" + b"some text\r\n" * SMALL


class InFileTests(WithMaildir):
    async def opened(self, octets=BIG, foreign=None):
        self.threads = Threads("store", 2)
        self.addCleanup(self.threads.stop)
        account = await self.account(threads=self.threads)
        uid = (await put(account, octets)).uid
        if foreign is not None:
            self.path("cur", "1700000000.M1P1.host:2,").write_bytes(foreign)
            uid += 1
        mailbox = await account.open(INBOX)
        self.addCleanup(mailbox.close)
        await mailbox.refresh()
        found = await mailbox.open(uid)
        self.addCleanup(found.close)
        return found

    async def test_the_file_has_the_octets_of_the_content(self):
        found = await self.opened()
        assert isinstance(found, SupportsFile)
        file = await found.in_file(7, 1 << 20)
        self.assertEqual(os.pread(file, 5, 7), await found.read(7, 5))
        self.assertEqual(await found.in_file(len(BIG) - 1, 1), file)

    async def test_where_nobody_can_tell_what_is_in_memory_a_thread_reads_it(self):
        found = await self.opened()
        self.patch(content, "_is_held", lambda *octets: False)
        self.assertIsNotNone(await found.in_file(0, 1 << 20))

    async def test_a_small_message_is_no_file(self):
        self.assertNotIsInstance(await self.opened(b"small\r\n"), SupportsFile)

    async def test_a_file_with_other_line_ends_is_none(self):
        found = await self.opened(foreign=BIG.replace(b"\r\n", b"\n"))
        self.assertIsNone(await found.in_file(0, 100))
        self.assertEqual(await found.read(0, 18), BIG[:18])

    async def test_a_file_that_has_become_too_short_is_none(self):
        found = await self.opened()
        os.truncate(self.file(1), 100)
        self.assertIsNone(await found.in_file(0, 101))
        self.assertIsNotNone(await found.in_file(0, 100))

    async def test_nothing_is_told_of_one_that_is_closed(self):
        found = await self.opened()
        found.close()
        with self.assertRaises(ValueError):
            await found.in_file(0, 1)
