"""Messages that wait for the same account are put away together; what goes wrong with one harms no other."""

import os
import sqlite3
from pathlib import Path

from twisted.internet.defer import CancelledError

from mailtwist.kit.spawn import started, together
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import SEEN
from mailtwist.store.api import INBOX, CannotDo, NoSuchMailbox
from mailtwist.store.maildir import MaildirStore, counter, index
from mailtwist.store.maildir import upload as uploads
from mailtwist.testing.files import FullDisk, RecordingFiles
from mailtwist.testing.messages import got, put, uids
from mailtwist.testing.threads import InTurn
from tests.store.maildirs import WithMaildir


class TogetherTests(WithMaildir):
    async def waiting(self, *names, **more):
        """An account whose threads wait, and a delivery to each of `names` that has begun."""
        threads = InTurn()
        self.folder = Path(self.mktemp())
        store = MaildirStore(self.folder, threads, clock=self.clock, **more)
        asked = started(store.account("ann"))
        threads.do_all()
        account = self.successResultOf(asked)
        first = started(put(account, b"first"))
        deliveries = [started(put(account, b"%d" % n, name)) for n, name in enumerate(names)]
        threads.do()
        await first
        return account, threads, deliveries

    async def test_all_that_wait_share_one_sync_of_the_folder(self):
        files = RecordingFiles()
        account, threads, deliveries = await self.waiting(*[INBOX] * 5, files=files)
        del files.calls[:]
        threads.do()
        stored = [await one for one in deliveries]
        self.assertEqual([one.uid for one in stored], [2, 3, 4, 5, 6])
        folders = [call.paths[0] for call in files.calls if call.name == "sync_folder"]
        self.assertEqual(folders, [self.path("cur")])
        for uid in range(2, 7):
            self.assertTrue(files.made_durable(self.file(uid)))
        self.assertEqual(threads.waiting, [])

    async def test_one_mailbox_by_two_names_gives_each_uid_once(self):
        _, threads, deliveries = await self.waiting("inbox", "INBOX", "Inbox")
        threads.do()
        self.assertEqual([(await one).uid for one in deliveries], [2, 3, 4])

    async def test_what_cannot_go_in_harms_no_other(self):
        account, threads, deliveries = await self.waiting(INBOX, "Nowhere", "a\0b", INBOX)
        threads.do()
        self.assertEqual([(await deliveries[n]).uid for n in (0, 3)], [2, 3])
        with self.assertRaises(NoSuchMailbox):
            await deliveries[1]
        with self.assertRaises(CannotDo):
            await deliveries[2]
        self.assertEqual(os.listdir(self.path("tmp")), [])

    async def test_a_file_for_which_there_is_no_room_harms_no_other(self):
        disk = FullDisk(None, once=True)
        account, threads, deliveries = await self.waiting(*[INBOX] * 3, files=disk)
        disk.allowed = 1  # the first file, not the second; then there is room again
        threads.do()
        self.assertEqual([(await deliveries[n]).uid for n in (0, 2)], [2, 3])
        with self.assertRaises(Trouble) as caught:
            await deliveries[1]
        self.assertEqual(caught.exception.status, "4.3.1")
        self.assertEqual(os.listdir(self.path("tmp")), [])

    async def test_when_the_folder_cannot_be_synced_all_hear_and_nothing_is_left(self):
        class Broken(RecordingFiles):
            broken = False

            def before(self, name, *paths):
                if self.broken and name == "sync_folder":
                    raise OSError(5, "Input/output error")

        files = Broken()
        account, threads, deliveries = await self.waiting(*[INBOX] * 3, files=files)
        files.broken = True
        threads.do()
        for one in deliveries:
            with self.assertRaises(Trouble):
                await one
        self.assertEqual((len(self.cur()), os.listdir(self.path("tmp"))), (1, []))
        files.broken = False
        after = started(put(account))
        threads.do()
        self.assertEqual(self.successResultOf(after).uid, 2)

    async def test_who_has_gone_does_not_stop_it(self):
        account, threads, deliveries = await self.waiting(INBOX, INBOX)
        deliveries[0].cancel()
        threads.do()
        self.assertEqual((await deliveries[1]).uid, 3)
        with self.assertRaises(CancelledError):
            await deliveries[0]

    async def test_not_too_many_go_at_a_time(self):
        self.patch(counter, "TOGETHER", 2)
        _, threads, deliveries = await self.waiting(*[INBOX] * 5)
        turns = 0
        while threads.waiting:
            threads.do()
            turns += 1
        self.assertEqual([(await one).uid for one in deliveries], [2, 3, 4, 5, 6])
        self.assertEqual(turns, 3)

    async def test_not_too_many_octets_go_at_a_time(self):
        self.patch(counter, "OCTETS_TOGETHER", 2)
        _, threads, deliveries = await self.waiting(*[INBOX] * 5)
        turns = 0
        while threads.waiting:
            threads.do()
            turns += 1
        self.assertEqual([(await one).uid for one in deliveries], [2, 3, 4, 5, 6])
        self.assertEqual(turns, 3)

    async def test_each_keeps_its_octets_flags_and_date(self):
        account = await self.account()

        async def deliver(number):
            upload = account.upload(INBOX)
            await upload.write(b"%d" % number)
            if number % 2:
                await upload.prepare()
            return await upload.commit(frozenset({SEEN} if number % 3 else ()), 1e9 + number, number)

        stored = await together(*(deliver(number) for number in range(6)))
        mailbox = await account.open(INBOX)
        for number, one in enumerate(stored):
            entry = mailbox.entry(one.uid)
            self.assertEqual(await got(mailbox, one.uid), b"%d" % number)
            self.assertEqual((entry.received, entry.zone), (1e9 + number, number))
            self.assertEqual(SEEN in entry.flags, bool(number % 3))


class HeldTests(WithMaildir):
    async def test_a_message_waits_in_memory_while_all_together_hold_little(self):
        account = await self.account()
        one, two = account.upload(INBOX), account.upload(INBOX)
        await one.write(b"x" * uploads.HELD)
        self.assertEqual(os.listdir(self.path("tmp")), [])
        self.patch(uploads, "HELD_BY_ALL", uploads.HELD)
        await two.write(b"y" * uploads.HELD)
        self.assertEqual(len(os.listdir(self.path("tmp"))), 1)
        await one.abort()
        three = account.upload(INBOX)
        await three.write(b"z" * uploads.HELD)
        self.assertEqual(len(os.listdir(self.path("tmp"))), 1)
        stored = [await upload.commit() for upload in (two, three)]
        self.assertEqual(os.listdir(self.path("tmp")), [])
        mailbox = await account.open(INBOX)
        self.assertEqual([(await got(mailbox, one.uid))[:1] for one in stored], [b"y", b"z"])

    async def test_no_message_holds_very_much(self):
        upload = (await self.account()).upload(INBOX)
        for _ in range(uploads.HELD_MOST // uploads.HELD):
            self.assertEqual(os.listdir(self.path("tmp")), [])
            await upload.write(b"x" * uploads.HELD)
        self.assertEqual(len(os.listdir(self.path("tmp"))), 1)
        await upload.abort()
        self.assertEqual(os.listdir(self.path("tmp")), [])


class OtherBootTests(WithMaildir):
    """The index may be behind the files after a power cut, never after anything else."""

    def unsynced(self):
        database = sqlite3.connect(self.path("mailtwist-index"))
        self.addCleanup(database.close)
        return database.execute("SELECT unsynced FROM account").fetchone()[0]

    def boot(self, name):
        self.patch(index, "THIS_BOOT", name)

    async def test_an_index_says_since_when_it_may_be_behind(self):
        self.boot("one")
        store = await self.make_store()
        account = await store.account("ann")
        self.assertEqual(self.unsynced(), "")
        await put(account)
        self.assertEqual(self.unsynced(), "one")
        await store.stop()
        self.assertEqual(self.unsynced(), "")

    async def test_after_another_boot_nothing_is_believed_but_the_files(self):
        self.boot("one")
        account = await self.account()
        told = [await put(account) for _ in range(3)]
        modseq = (await account.status(INBOX)).highest_modseq
        self.file(3).unlink()
        self.boot("two")
        account = await self.again()
        mailbox = await account.open(INBOX)
        self.assertEqual(uids(mailbox.entries()), [1, 2])
        self.assertEqual(mailbox.uid_validity, told[0].uid_validity)
        self.assertGreater(mailbox.highest_modseq, modseq)
        self.assertGreater((await put(account)).uid, 3)

    async def test_without_a_power_cut_uids_go_on(self):
        self.boot("one")
        await put(await self.account())
        self.assertEqual((await put(await self.again())).uid, 2)

    async def test_where_the_system_does_not_tell_the_index_is_synced_each_time(self):
        for boot, synchronous, unsynced in (("", 2, ""), ("one", 1, "one")):
            self.boot(boot)
            account = await self.account()
            await put(account)
            found = account._ground.index.execute("PRAGMA synchronous").fetchone()
            self.assertEqual((found, self.unsynced()), ((synchronous,), unsynced))

    async def test_only_the_first_message_waits_for_a_sync_of_the_index(self):
        self.boot("one")
        account = await self.account()
        seen = []
        self.patch(index.Index, "transaction", self.watched(seen, index.Index.transaction))
        await put(account)
        await put(account)
        self.assertEqual(seen, [False, True, False])

    async def test_the_word_is_there_before_what_it_is_said_of(self):
        self.boot("one")
        account = await self.account()
        before = []
        execute = account._ground.index.execute

        def watched(statement, *args):
            if statement == "COMMIT":
                before.append(self.unsynced())
            return execute(statement, *args)

        self.patch(account._ground.index, "execute", watched)
        await put(account)
        self.assertEqual(before, ["", "one"])

    async def test_the_word_that_another_process_took_back_is_said_again(self):
        self.boot("one")
        account = await self.account()
        store = await self.make_store(self.folder)
        await put(account)
        await put(await store.account("ann"))
        await store.stop()
        self.assertEqual(self.unsynced(), "")
        await put(account)
        self.assertEqual(self.unsynced(), "one")

    def watched(self, seen, transaction):
        def watched(self, lasting=True):
            seen.append(lasting)
            return transaction(self, lasting)

        return watched
