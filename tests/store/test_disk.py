"""A disk that is full or broken: trouble that passes; nothing lost, half done, or left in tmp."""

import errno
import os

from mailtwist.kit.files import DiskFiles
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import DELETED, SEEN
from mailtwist.store.api import INBOX
from mailtwist.store.maildir import upload as uploads
from mailtwist.store.maildir.upload import HELD
from mailtwist.testing.files import FullDisk, RecordingFiles
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir


class NoLinks(DiskFiles):
    def link(self, old, new):
        raise OSError(errno.EPERM, "no links here")


class FullDiskTests(WithMaildir):
    def setUp(self):
        super().setUp()
        self.patch(uploads, "HELD_BY_ALL", 0)  # big ones go through tmp

    async def full(self, work, error=errno.ENOSPC, once=False):
        """`work` fails at each call that needs room, and leaves nothing; then there is room.  How often it
        failed, what was there before and after, what `work` gave."""
        disk = FullDisk(None, error, once)
        account = await self.account(files=disk)
        await account.create("Work")
        for _ in range(3):
            await put(account, b"Subject: here\r\n", INBOX, DELETED)
        before = await self.state(account)
        for allowed in range(1000):
            disk.allowed = allowed
            try:
                done = await work(account)
            except Trouble as trouble:
                self.assertEqual(trouble.status, "4.3.1")
            else:
                return allowed, before, await self.state(account), done
            disk.allowed = None
            self.assertEqual(await self.state(account), before)
        return self.fail("it never came to an end")

    async def state(self, account):
        """What a client sees, what the folders hold."""
        found = []
        for name in [one.name for one in await account.mailboxes()]:
            mailbox = await account.open(name)
            await mailbox.refresh()
            found.append((name, [(e.uid, e.flags, await got(mailbox, e.uid)) for e in mailbox.entries()]))
            await mailbox.close()
        self.assertEqual(os.listdir(self.path("tmp")), [])
        files = {str(path) for path in self.everything() if path.parent.name in ("cur", "new", "tmp")}
        return found, files

    async def test_a_small_message(self):
        for error in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            failed, _, after, _ = await self.full(lambda account: put(account, b"x", INBOX, "$New"), error)
            self.assertGreater(failed, 2)
            self.assertEqual(len(after[0][0][1]), 4)

    async def test_a_big_message(self):
        async def work(account):
            upload = account.upload("Work")
            try:
                for _ in range(3):
                    await upload.write(b"x" * HELD)
                await upload.write(b"end")
                await upload.prepare()
                return await upload.commit()
            finally:
                await upload.abort()

        failed, _, after, _ = await self.full(work)
        self.assertGreater(failed, 3)
        self.assertEqual(after[0][1][1][0][2], b"x" * HELD * 3 + b"end")

    async def test_room_is_found_missing_before_the_commit(self):
        disk = FullDisk(None)
        account = await self.account(files=disk)
        upload = account.upload(INBOX)
        await upload.write(b"x")
        disk.allowed = 0
        with self.assertRaises(Trouble):
            await upload.prepare()
        await upload.abort()
        self.assertEqual(os.listdir(self.path("tmp")), [])

    async def test_an_upload_that_lost_a_part_cannot_be_committed(self):
        disk = FullDisk(None)
        account = await self.account(files=disk)
        for ready in (False, True):
            upload = account.upload(INBOX)
            await upload.write(b"first")
            disk.allowed = 0
            with self.assertRaises(Trouble):
                await (upload.prepare() if ready else upload.write(b"x" * HELD))
            disk.allowed = None
            for work in (upload.prepare(), upload.commit()):
                with self.assertRaises(ValueError):
                    await work
            await upload.abort()
        self.assertEqual((await account.status(INBOX)).messages, 0)
        self.assertEqual(os.listdir(self.path("tmp")), [])

    async def test_flags(self):
        async def work(account):
            mailbox = await account.open(INBOX)
            try:
                return await mailbox.change_flags([1, 2, 3], "add", frozenset({SEEN}))
            finally:
                await mailbox.close()

        failed, _, after, _ = await self.full(work, errno.EIO, once=True)
        self.assertEqual(failed, 3)
        self.assertEqual({message[1] for message in after[0][0][1]}, {frozenset({SEEN, DELETED})})

    async def test_keywords(self):
        async def work(account):
            mailbox = await account.open(INBOX)
            try:
                return await mailbox.change_flags([1], "replace", frozenset({"$New"}))
            finally:
                await mailbox.close()

        failed, _, after, _ = await self.full(work)
        self.assertEqual(failed, 3)
        self.assertEqual(after[0][0][1][0][1], {"$New"})

    async def test_copies_and_moves(self):
        for method in ("copy", "move"):

            async def work(account, method=method):
                mailbox = await account.open(INBOX)
                return await getattr(mailbox, method)([1, 2, 3], "Work")

            failed, _, after, done = await self.full(work)
            self.assertGreater(failed, 2)
            self.assertEqual([uid for uid, _, _ in after[0][1][1]], [new for _, new in done.pairs])
            self.assertEqual(len(after[0][0][1]), 3 if method == "copy" else 0)

    async def test_mailboxes(self):
        failed, before, after, _ = await self.full(lambda account: account.create("New/One"))
        self.assertGreater(failed, 4)
        self.assertEqual([name for name, _ in after[0]], [INBOX, "New", "New/One", "Work"])
        failed, before, after, _ = await self.full(
            lambda account: account.rename("Work", "Deep/Work"), errno.EIO, once=True
        )
        self.assertGreater(failed, 4)
        self.assertEqual([name for name, _ in after[0]], [INBOX, "Deep", "Deep/Work"])

    async def test_removing_needs_no_room(self):
        account = await self.account(files=(disk := FullDisk(None)))
        await put(account, b"x", INBOX, DELETED)
        disk.allowed = 0
        mailbox = await account.open(INBOX)
        self.assertEqual(list(await mailbox.expunge()), [1])
        self.assertEqual(self.cur(), [])


class OrderTests(WithMaildir):
    def setUp(self):
        super().setUp()
        self.patch(uploads, "HELD_BY_ALL", 0)  # big ones go through tmp

    async def test_a_message_lasts_before_it_is_answered(self):
        files = RecordingFiles()
        account = await self.account(files=files)
        for octets in (b"small", b"x" * HELD * 2 + b"big"):
            stored = await put(account, octets)
            self.assertTrue(files.made_durable(self.file(stored.uid)))

    async def test_a_small_message_is_synced_once_and_its_folder_once(self):
        files = RecordingFiles()
        account = await self.account(files=files)
        await put(account)
        del files.calls[:]
        await put(account)
        made = [call.name for call in files.calls if call.name != "make_folder"]
        self.assertEqual(made, ["create", "rename", "sync_folder"])

    async def test_a_copy_is_a_link_that_lasts(self):
        files = RecordingFiles()
        account = await self.account(files=files)
        await account.create("Work")
        await put(account)
        await (await account.open(INBOX)).copy([1], "Work")
        names = [call.name for call in files.calls]
        self.assertLess(names.index("link"), len(names) - 1 - names[::-1].index("sync_folder"))
        self.assertEqual(self.file(1).stat().st_ino, self.file(1, ".Work").stat().st_ino)

    async def test_an_expunged_file_vanishes_after_the_index_says_so(self):
        account = await self.account()
        await put(account)
        seen = []

        class Watching(RecordingFiles):
            def before(watching, name, *paths):
                if name == "unlink":
                    seen.append(watching.known())

        files = Watching()
        other = await self.again(files=files)
        third = await self.again()
        files.known = lambda: len(third._ground.index.execute("SELECT uid FROM messages").fetchall())
        await third.status(INBOX)
        await (await other.open(INBOX)).remove([1])
        self.assertEqual(seen, [0])

    async def test_where_links_are_not_possible_the_octets_are_copied(self):
        account = await self.account(files=NoLinks())
        await account.create("Work")
        stored = await put(account, b"x" * 3_000_000)
        upload = account.upload(INBOX)
        await upload.commit(received=1_000_000_000.0)
        copied = await (await account.open(INBOX)).copy([1, 2], "Work")
        work = await account.open("Work")
        self.assertEqual(uids(work.entries()), [new for _, new in copied.pairs])
        self.assertEqual(len(await got(work, 1)), 3_000_000)
        self.assertNotEqual(self.file(stored.uid).stat().st_ino, self.file(1, ".Work").stat().st_ino)
        self.assertEqual(self.file(2, ".Work").stat().st_mtime, 1_000_000_000.0)
