"""What other programs bring back, set right or leave broken in a Maildir."""

import errno
import os
import shutil
from pathlib import Path

from mailtwist.mail.flags import DELETED
from mailtwist.store.api import INBOX
from mailtwist.store.maildir import look
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir


class BackAgainTests(WithMaildir):
    async def test_an_expunged_message_from_a_backup_is_a_message(self):
        account = await self.account()
        await put(account, b"Subject: wanted\r\n", INBOX, DELETED)
        backup = Path(self.mktemp())
        shutil.copytree(self.path("cur"), backup)
        mailbox = await account.open(INBOX)
        await mailbox.expunge()
        await mailbox.close()
        shutil.copytree(backup, self.path("cur"), dirs_exist_ok=True)
        mailbox = await (await self.again()).open(INBOX)
        (entry,) = mailbox.entries()
        self.assertEqual((entry.uid, await got(mailbox, entry.uid)), (2, b"Subject: wanted\r\n"))

    async def test_of_a_file_and_its_copies_the_oldest_is_the_message(self):
        store = await self.make_store()
        stored = await put(await store.account("ann"))
        await store.stop()
        _, identity = self.file(stored.uid).name.split(",", 1)
        for maker in ("9999999999.b.host", "9999999998.a.host", "9999999999.c.host"):
            shutil.copy(self.file(stored.uid), self.path("cur", f"{maker},{identity}"))
            for path in self.path().glob("mailtwist-index*"):
                path.unlink()
            await (await (await self.again()).open(INBOX)).close()
            self.assertNotIn(maker, self.file(stored.uid).name)
        self.assertEqual(len(self.cur()), 4)

    async def test_a_folder_of_another_age(self):
        account = await self.account()
        await put(account)
        for year in (-(1 << 40), 1 << 34):  # a disk may not keep the farthest
            os.utime(self.path("cur"), (year, year))
            mailbox = await (await self.again()).open(INBOX)
            self.assertEqual(uids(mailbox.entries()), [1])


class BrokenTests(WithMaildir):
    async def test_one_file_that_the_disk_cannot_read_hides_no_others(self):
        account = await self.account()
        for name in ("1.host", "2.bad", "3.host"):
            self.path("new", name).write_bytes(name.encode())
        count = look.bare_in

        def broken(read):
            if read(0, 5) == b"2.bad":
                self.fails(errno.EIO)
            return count(read)

        self.patch(look, "bare_in", broken)
        mailbox = await account.open(INBOX)
        self.assertEqual([await got(mailbox, uid) for uid in uids(mailbox.entries())], [b"1.host", b"3.host"])

    async def test_a_disk_that_is_full_takes_nothing_in_by_half(self):
        account = await self.account()
        self.path("new", "1.host").write_bytes(b"x")
        self.patch(look, "bare_in", lambda read: self.fails(errno.ENOSPC))
        with self.assertRaises(Exception) as raised:
            await account.open(INBOX)
        self.assertEqual(raised.exception.status, "4.3.1")

    def fails(self, error):
        raise OSError(error, os.strerror(error))
