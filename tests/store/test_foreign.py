"""What mutt, Dovecot, procmail and an operator with a shell do to a Maildir is seen and understood."""

import os
import shutil
import time
from pathlib import Path

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import ANSWERED, DELETED, FLAGGED, SEEN
from mailtwist.store.api import INBOX, Arrived, Flagged, Gone, MessageGone, NoSuchMailbox
from mailtwist.store.maildir import look
from mailtwist.store.maildir.content import SMALL
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir

LF = b"Subject: x\n\nline\n"
CRLF = LF.replace(b"\n", b"\r\n")


class ForeignDeliveryTests(WithMaildir):
    def deliver(self, name, octets=LF, folder="new", mailbox=""):
        path = self.path(mailbox, folder, name)
        path.write_bytes(octets)
        return path

    async def inbox(self):
        account = await self.account()
        return account, await account.open(INBOX)

    async def test_a_file_in_new_is_a_message_at_the_next_refresh(self):
        account, mailbox = await self.inbox()
        heard = []
        mailbox.listen(heard.append)
        self.deliver("1800000000.M1P2.host")
        await mailbox.refresh()
        (entry,) = mailbox.entries()
        self.assertEqual(heard, [Arrived(entry)])
        self.assertEqual((entry.size, entry.flags), (len(CRLF), frozenset()))
        self.assertEqual(await got(mailbox, entry.uid), CRLF)
        self.assertEqual(os.listdir(self.path("new")), [])
        self.assertRegex(
            self.cur()[0],
            rf"\A1800000000\.M1P2\.host,S={len(LF)},W={len(CRLF)},I={mailbox.uid_validity:x}\.1:2,\Z",
        )

    async def test_the_status_counts_it_too(self):
        account = await self.account()
        self.deliver("1800000000.M1P2.host")
        self.assertEqual((await account.status(INBOX)).messages, 1)

    async def test_messages_come_in_the_order_of_their_names(self):
        _, mailbox = await self.inbox()
        for number in (12, 3, 100, 1):
            self.deliver(f"{number}.host", b"%d\r\n" % number)
        await mailbox.refresh()
        texts = [await got(mailbox, uid) for uid in uids(mailbox.entries())]
        self.assertEqual(texts, [b"1\r\n", b"3\r\n", b"12\r\n", b"100\r\n"])

    async def test_a_saved_message_keeps_its_flags_and_date(self):
        account, mailbox = await self.inbox()
        path = self.deliver("1800000000.M1P2.host:2,SRP", CRLF, "cur")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        await mailbox.refresh()
        (entry,) = mailbox.entries()
        self.assertEqual((entry.flags, entry.received), ({SEEN, ANSWERED}, 1_000_000_000.0))
        await mailbox.change_flags([entry.uid], "replace", frozenset({FLAGGED}))
        self.assertTrue(self.cur()[0].endswith(":2,FP"))  # P means nothing to us, and stays

    async def test_what_a_name_says_of_sizes_is_believed_if_it_can_be(self):
        _, mailbox = await self.inbox()
        for name in (
            f"1.a,S={len(LF)},W={len(CRLF)}",
            f"2.b,S={len(LF)},W=3",
            f"3.c,S=5,W={len(CRLF)}",
            "4.d,S=x,W=y",
            f"5.e,W={len(CRLF)}",
        ):
            self.deliver(name)
        await mailbox.refresh()
        for entry in mailbox.entries():
            self.assertEqual((entry.size, await got(mailbox, entry.uid)), (len(CRLF), CRLF))

    async def test_a_big_file_with_lf_is_read_in_ranges(self):
        _, mailbox = await self.inbox()
        text = b"".join(b"line %d\n" % number for number in range(90_000))
        self.assertGreater(len(text), SMALL * 4)
        self.deliver("1.host", text)
        await mailbox.refresh()
        expected = text.replace(b"\n", b"\r\n")
        self.assertEqual(mailbox.entries()[0].size, len(expected))
        content = await mailbox.open(mailbox.entries()[0].uid)
        self.assertEqual(content.size, len(expected))
        for start in (700_000, 0, 262_140, len(expected) - 10):
            self.assertEqual(await content.read(start, 300_000), expected[start : start + 300_000])
        content.close()
        self.assertEqual(await got(mailbox, mailbox.entries()[0].uid), expected)

    async def test_lone_lfs_in_an_upload_are_not_line_ends_of_the_file_system(self):
        account, mailbox = await self.inbox()
        await put(account, LF)
        self.assertIn(f",S={len(LF)},W={len(CRLF)},", self.cur()[0])
        for folder in (self.folder, self.without_index()):
            account = await (await self.make_store(folder)).account("ann")
            mailbox = await account.open(INBOX)
            self.assertEqual(mailbox.entries()[0].size, len(LF))
            self.assertEqual(await got(mailbox, 1), LF)

    def without_index(self):
        copy = Path(self.mktemp())
        shutil.copytree(self.folder, copy)
        for path in copy.rglob("mailtwist-index*"):
            path.unlink()
        return copy

    async def test_hostile_files_are_no_messages(self):
        account, mailbox = await self.inbox()
        secret = Path(self.mktemp()).absolute()
        secret.write_bytes(b"secret")
        for folder in ("new", "cur"):
            self.path(folder, "folder").mkdir()
            self.path(folder, "link").symlink_to(secret)
            self.path(folder, "dangling").symlink_to("/nowhere")
            os.mkfifo(self.path(folder, "pipe"))
            self.deliver(".hidden", LF, folder)
        self.deliver("good\udcff\nname,S=1")
        await mailbox.refresh()
        (entry,) = mailbox.entries()
        self.assertEqual(await got(mailbox, entry.uid), CRLF)

    async def test_many_are_taken_in_with_all_uids_ascending(self):
        self.patch(look, "BATCH", 7)
        _, mailbox = await self.inbox()
        for number in range(40):
            self.deliver(f"{1000 + number}.host", b"%d\n" % number, "cur" if number % 2 else "new")
        heard = []
        mailbox.listen(heard.append)
        await mailbox.refresh()
        self.assertEqual(uids(mailbox.entries()), list(range(1, 41)))
        self.assertEqual([change.entry.uid for change in heard], list(range(1, 41)))

    async def test_big_files_are_taken_in_a_few_at_a_time(self):
        self.patch(look, "BATCH_OCTETS", 100)
        account = await self.account()
        for number in range(5):
            self.deliver(f"{number}.host", b"x" * 99)
        self.assertEqual(len((await account.open(INBOX)).entries()), 5)

    async def test_a_message_that_was_there_before_us_is_not_recent(self):
        root = Path(self.mktemp())
        for folder in ("cur", "new", "tmp"):
            (root / "ann" / folder).mkdir(parents=True)
        (root / "ann" / "cur" / "2.host:2,").write_bytes(b"seen by others")
        (root / "ann" / "new" / "1.host").write_bytes(b"new")
        account = await (await self.make_store(root)).account("ann")
        mailbox = await account.open(INBOX)
        self.assertEqual((uids(mailbox.entries()), list(mailbox.claim_recent())), ([1, 2], [2]))
        self.assertEqual(await got(mailbox, 2), b"new")


class ForeignChangeTests(WithMaildir):
    async def opened(self, messages=3, *flags):
        account = await self.account()
        for number in range(messages):
            await put(account, b"%d\r\n" % number, INBOX, *flags)
        return account, await account.open(INBOX)

    def rename(self, uid, letters):
        old = self.file(uid)
        old.rename(old.with_name(old.name.partition(":")[0] + ":2," + letters))

    async def test_flags_that_mutt_sets_are_seen(self):
        _, mailbox = await self.opened()
        heard = []
        mailbox.listen(heard.append)
        self.rename(2, "FS")
        await mailbox.refresh()
        self.assertEqual(heard, [Flagged(mailbox.entries()[1])])
        self.assertEqual(mailbox.entries()[1].flags, {FLAGGED, SEEN})
        self.assertGreater(mailbox.entries()[1].modseq, mailbox.entries()[0].modseq)

    async def test_our_change_is_made_to_what_mutt_left(self):
        _, mailbox = await self.opened()
        self.rename(2, "F")
        (entry,) = await mailbox.change_flags([2], "add", frozenset({SEEN}))
        self.assertEqual(entry.flags, {FLAGGED, SEEN})
        self.assertTrue(self.file(2).name.endswith(":2,FS"))

    async def test_a_message_is_read_although_mutt_renamed_it(self):
        _, mailbox = await self.opened()
        self.rename(2, "S")
        self.assertEqual(await got(mailbox, 2), b"1\r\n")

    async def test_a_message_that_mutt_removed_is_gone(self):
        _, mailbox = await self.opened()
        heard = []
        mailbox.listen(heard.append)
        self.file(2).unlink()
        with self.assertRaises(MessageGone):
            await mailbox.open(2)
        self.assertEqual(heard, [Gone(2, mailbox.highest_modseq)])
        self.assertEqual(list(await mailbox.change_flags([2], "add", frozenset({SEEN}))), [])
        self.assertEqual(list(await mailbox.remove([2])), [])

    async def test_messages_that_mutt_changed_or_removed_are_copied_as_they_are(self):
        account, mailbox = await self.opened()
        await account.create("Work")
        self.rename(1, "F")
        self.file(2).unlink()
        copied = await mailbox.copy([1, 2, 3], "Work")
        self.assertEqual([old for old, _ in copied.pairs], [1, 3])
        work = await account.open("Work")
        self.assertEqual([entry.flags for entry in work.entries()], [{FLAGGED}, frozenset()])
        self.assertEqual(len(self.cur(".Work")), 2)

    async def test_a_message_that_mutt_has_undeleted_is_not_expunged(self):
        _, mailbox = await self.opened(2, DELETED)
        self.rename(2, "S")
        self.assertEqual(list(await mailbox.expunge()), [1])

    async def test_an_expunged_message_that_mutt_renamed_does_not_come_back(self):
        _, mailbox = await self.opened(3, DELETED)
        self.rename(2, "ST")
        self.assertEqual(list(await mailbox.remove([2])), [2])
        await mailbox.refresh()
        self.assertEqual(uids(mailbox.entries()), [1, 3])
        self.assertEqual(len(self.cur()), 2)

    async def test_a_copied_file_is_another_message(self):
        _, mailbox = await self.opened(1)
        name = self.cur()[0]
        shutil.copy(self.path("cur", name), self.path("cur", name.replace(":2,", ":2,S")))
        shutil.copy(self.path("cur", name), self.path("cur", "0." + name))
        await mailbox.refresh()
        self.assertEqual(uids(mailbox.entries()), [1, 2, 3])
        self.assertEqual(len({name.partition(":")[0] for name in self.cur()}), 3)
        account = await self.again()
        self.assertEqual(uids((await account.open(INBOX)).entries()), [1, 2, 3])

    async def test_a_change_of_others_at_the_moment_of_ours_is_seen_later(self):
        account, mailbox = await self.opened(0)
        cur = self.path("cur")
        await put(account)
        before = cur.stat()
        self.path("cur", "1.host:2,").write_bytes(b"sneaked in")
        os.utime(cur, ns=(before.st_mtime_ns, before.st_mtime_ns))
        await mailbox.refresh()
        self.assertEqual(len(mailbox.entries()), 1)
        self.clock.advance(look.UNSURE_FOR + 1)
        await mailbox.refresh()
        self.assertEqual(len(mailbox.entries()), 2)

    async def test_old_files_in_tmp_are_cleaned_up(self):
        account, mailbox = await self.opened(0)
        await account.create("Work")
        for folder in ("", ".Work"):
            self.path(folder, "tmp", "left").write_bytes(b"x")
            self.path(folder, "tmp", "folder", "cur").mkdir(parents=True)
            self.path(folder, "tmp", "folder", "cur", "left").write_bytes(b"x")
        self.clock.advance(time.time() - self.clock.now() + 35 * 3600)
        account = await self.again()
        await account.status(INBOX)
        self.assertEqual(len(os.listdir(self.path("tmp"))), 2)
        self.clock.advance(25 * 3600)
        for name in (INBOX, "Work"):
            self.path("" if name == INBOX else ".Work", "new", "1.host").write_bytes(b"x")
            await account.status(name)
        self.assertEqual(os.listdir(self.path("tmp")) + os.listdir(self.path(".Work", "tmp")), [])


class ForeignFolderTests(WithMaildir):
    DOVECOT = (
        ".Archive.2024",
        ".Entw&APw-rfe",
        ".INBOX.kid",
        ".Sent",
        ".a&-b",
        ".dele.ted.deep",
        ".*st",
    )

    def by_dovecot(self):
        """What Dovecot 2.3.19 leaves after `doveadm mailbox create`, `save` and `flags add`."""
        root = Path(self.mktemp()) / "ann"
        for folder in ("", *self.DOVECOT):
            for part in ("cur", "new", "tmp"):
                (root / folder / part).mkdir(parents=True)
            (root / folder / "dovecot-uidlist").write_bytes(b"3 V1795285837 N1 G0ccbf9324de3016bf039\n")
            (root / folder / "dovecot.index.log").write_bytes(b"\1\2(\0" * 10)
        (root / "dovecot-uidvalidity").write_bytes(b"6b01e355")
        (root / "dovecot-uidvalidity.6b01e355").write_bytes(b"")
        (root / "subscriptions").write_bytes(
            b"V\t2\n\nSent\nArchive\t2024\nEntw&APw-rfe\nINBOX\tkid\nINBOX\n"
        )
        (root / ".Sent" / "dovecot-keywords").write_bytes(b"0 Foo\n1 $Forwarded\n")
        (root / ".Sent" / "cur" / "1795285837.M972164P14840.vm,S=17,W=20:2,Sab").write_bytes(LF)
        return root.parent

    async def test_a_maildir_of_dovecots_is_read(self):
        account = await (await self.make_store(self.by_dovecot())).account("ann")
        listed = {one.name: one.subscribed for one in await account.mailboxes() if one.selectable}
        self.assertEqual(
            listed,
            {
                INBOX: True,
                "*st": False,
                "Archive/2024": True,
                "Entwürfe": True,
                "INBOX/kid": True,
                "Sent": True,
                "a&b": False,
                "dele/ted/deep": False,
            },
        )
        sent = await account.open("Sent")
        (entry,) = sent.entries()
        self.assertEqual((entry.flags, entry.size), ({SEEN, "Foo", "$Forwarded"}, len(CRLF)))
        self.assertEqual(await got(sent, entry.uid), CRLF)
        await (await account.open("*st")).close()
        await account.delete("*st")

    async def test_first_mailboxes_that_are_there_get_their_special_use(self):
        store = await self.make_store(self.by_dovecot(), first_mailboxes=("Sent", "Drafts"))
        uses = {one.name: one.special_use for one in await (await store.account("ann")).mailboxes()}
        self.assertEqual((uses["Sent"], uses["Drafts"]), ("\\Sent", "\\Drafts"))
        await (await store.account("ann")).delete("Drafts")
        account = await self.again(first_mailboxes=("Sent", "Drafts"))
        self.assertNotIn("Drafts", [one.name for one in await account.mailboxes() if one.selectable])

    async def test_a_folder_that_mutt_renamed_is_the_same_mailbox(self):
        account = await self.account()
        await account.create("Work")
        await put(account, b"x", "Work")
        before = await account.status("Work")
        self.path(".Work").rename(self.path(".Other"))
        self.assertEqual(await account.status("Other"), before)
        with self.assertRaises(NoSuchMailbox):
            await account.open("Work")

    async def test_a_folder_that_was_copied_is_another_mailbox(self):
        account = await self.account()
        await account.create("Work")
        await put(account, b"x", "Work")
        before = await account.status("Work")
        shutil.copytree(self.path(".Work"), self.path(".Copy"))
        copy = await account.status("Copy")
        self.assertEqual(copy.messages, 1)
        self.assertNotEqual(copy.uid_validity, before.uid_validity)
        self.assertEqual(await account.status("Work"), before)

    async def test_a_folder_that_is_removed_is_no_mailbox_any_more(self):
        account = await self.account()
        await account.create("Work")
        await put(account, b"x", "Work")
        mailbox = await account.open("Work")
        shutil.rmtree(self.path(".Work"))
        await mailbox.refresh()
        self.assertEqual(list(mailbox.entries()), [])
        with self.assertRaises(NoSuchMailbox):
            await put(account, b"x", "Work")
        await account.create("Work")
        self.assertNotEqual((await account.status("Work")).uid_validity, mailbox.uid_validity)

    async def test_an_inbox_that_is_not_there_is_trouble_that_passes(self):
        account = await self.account()
        mailbox = await account.open(INBOX)
        await put(account)
        self.path("cur").rename(self.path("away"))
        for work in (put(account), account.open(INBOX), mailbox.refresh()):
            with self.assertRaises(Trouble) as caught:
                await work
            self.assertTrue(caught.exception.temporary)
        self.path("away").rename(self.path("cur"))
        await put(account)
        self.assertEqual(uids(mailbox.entries()), [1, 2])

    async def test_a_folder_half_made_by_others_can_be_created(self):
        account = await self.account()
        self.path(".Work", "tmp").mkdir(parents=True)
        self.assertEqual([one.name for one in await account.mailboxes()], [INBOX])
        await account.create("Work")
        await put(account, b"x", "Work")
