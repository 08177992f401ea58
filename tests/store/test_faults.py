"""What twisted.mail's own Maildir gets wrong or has not at all, each by its name: it is right here."""

import os
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.kit.files import DiskFiles
from mailtwist.mail.flags import DRAFT, FLAGGED, SEEN
from mailtwist.store.api import INBOX, OverQuota, Quota
from mailtwist.testing.files import RecordingFiles
from mailtwist.testing.inside import ServerInside
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir

MESSAGE = b"Subject: all octets\r\n\r\n" + bytes({*range(256)} - {10, 13}) + b"\r\n.\r\n\xff\xfe\r\n"

INI = """\
[server]
hostname = mail.example.org
state = state
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[store:mail]
type = maildir
"""


class MaildirFaults(WithMaildir):
    async def test_delivery(self):
        """`startMessage` raises TypeError: nothing can be delivered."""
        account = await self.account()
        upload = account.upload(INBOX)
        for octet in range(0, len(MESSAGE), 7):
            await upload.write(MESSAGE[octet : octet + 7])
        await upload.prepare()
        stored = await upload.commit()
        self.assertEqual(self.file(stored.uid).read_bytes(), MESSAGE)
        self.assertEqual(list(self.path("new").iterdir()) + list(self.path("tmp").iterdir()), [])

    async def test_retrieval_is_of_octets(self):
        """`getMessage` opens files as text: octets that are no UTF-8 cannot be read, CRLF is lost."""
        account = await self.account()
        mailbox = await account.open(INBOX)
        stored = await put(account, MESSAGE)
        self.assertEqual(await got(mailbox, stored.uid), MESSAGE)
        self.assertEqual(mailbox.entry(stored.uid).size, len(MESSAGE))
        self.path("new", "1.host").write_bytes(b"\xff\xfe\nby others\n")
        await mailbox.refresh()
        self.assertEqual(await got(mailbox, stored.uid + 1), b"\xff\xfe\r\nby others\r\n")

    async def test_deletion(self):
        """`deleteMessage` raises TypeError, and what is undeleted again moves about."""
        account = await self.account()
        mailbox = await account.open(INBOX)
        first, second = [(await put(account, b"%d" % number)).uid for number in range(2)]
        self.assertEqual(list(await mailbox.remove([first])), [first])
        self.assertEqual([name.split(":")[0].endswith(f".{second}") for name in self.cur()], [True])
        self.assertEqual(uids((await (await self.again()).open(INBOX)).entries()), [second])

    async def test_what_is_answered_is_synced(self):
        """fsync occurs nowhere."""
        files = RecordingFiles(DiskFiles())
        account = await self.account(files=files)
        stored = await put(account, MESSAGE)
        self.assertTrue(files.made_durable(self.file(stored.uid)))
        big = await put(account, MESSAGE * 3_000)
        self.assertTrue(files.made_durable(self.file(big.uid)))
        mailbox = await account.open(INBOX)
        files.calls.clear()
        await mailbox.change_flags([stored.uid], "add", frozenset({SEEN}))
        self.assertEqual([call.name for call in files.calls][-2:], ["rename", "sync_folder"])

    async def test_flags_are_in_the_names(self):
        """Everything stays in `new` or `cur` without flags."""
        account = await self.account()
        stored = await put(account, MESSAGE, INBOX, DRAFT, "$Work")
        mailbox = await account.open(INBOX)
        await mailbox.change_flags([stored.uid], "add", frozenset({SEEN, FLAGGED}))
        self.assertTrue(self.cur()[0].endswith(":2,DFSa"))
        (entry,) = (await (await self.again()).open(INBOX)).entries()
        self.assertEqual(entry.flags, {DRAFT, SEEN, FLAGGED, "$Work"})

    async def test_uids_last(self):
        """There is no list of UIDs: POP3's are a hash of the name, which changes with the flags; IMAP has
        none."""
        store = await self.make_store()
        account = await store.account("ann")
        told = [await put(account, b"%d" % number) for number in range(3)]
        mailbox = await account.open(INBOX)
        await mailbox.change_flags([told[1].uid], "add", frozenset({SEEN}))
        await mailbox.remove([told[2].uid])
        await store.stop()
        for path in self.path().glob("mailtwist-index*"):
            path.unlink()
        again = await self.again()
        mailbox = await again.open(INBOX)
        self.assertEqual(mailbox.uid_validity, told[0].uid_validity)
        self.assertEqual([await got(mailbox, one.uid) for one in told[:2]], [b"0", b"1"])
        self.assertGreater((await put(again)).uid, told[2].uid)

    async def test_there_are_folders(self):
        """There are none: neither Maildir++ nor others."""
        account = await self.account()
        await account.create("Archive/2024")
        await put(account, MESSAGE, "Archive/2024")
        self.assertEqual(len(list(self.path(".Archive.2024", "cur").iterdir())), 1)
        self.assertTrue(self.path(".Archive.2024", "maildirfolder").exists())
        await account.rename("Archive", "Old")
        names = [one.name for one in await (await self.again()).mailboxes()]
        self.assertEqual(names, [INBOX, "Old", "Old/2024"])

    async def test_there_is_a_quota(self):
        """There is none."""
        account = await self.account(allowed=Quota(100))
        await put(account, b"x" * 100)
        with self.assertRaises(OverQuota):
            await put(account, b"x")

    async def test_strange_names_lead_nowhere(self):
        """A domain's user is a path."""
        store = await self.make_store()
        for name in ("../outside", "/etc", "a/../../b", ".."):
            await put(await store.account(name), b"x")
        self.assertEqual(os.listdir(self.folder.parent).count("outside"), 0)
        self.assertEqual(len(os.listdir(self.folder)), 4)


class PasswordFaults(TestCase):
    async def test_no_password_lies_in_clear(self):
        """`DirdbmDatabase` keeps one file per user with the password in it."""
        folder = Path(self.mktemp())
        server = ServerInside(folder, INI)
        server.assembled.build()
        self.addCleanup(server.stop)
        await server.assembled.start()
        await server.part("directory", "people").add("ann@example.org", b"a secret nobody knows")
        files = [path for path in folder.rglob("*") if path.is_file()]
        self.assertGreater(len(files), 1)
        for path in files:
            self.assertNotIn(b"a secret nobody knows", path.read_bytes(), path)
