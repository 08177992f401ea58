"""What other processes do to an open mailbox is heard at once: nobody asks here."""

import os
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.kit import watching
from mailtwist.kit.threads import Threads
from mailtwist.kit.watching import Watching
from mailtwist.mail.flags import DELETED, FLAGGED, SEEN
from mailtwist.store.api import INBOX, Arrived, Flagged, Gone, MailboxInUse
from mailtwist.store.maildir import MaildirStore
from mailtwist.store.maildir.bell import Bell
from mailtwist.store.maildir.hearing import Hearing
from mailtwist.store.maildir.mailbox import MaildirMailbox
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.messages import put, uids
from mailtwist.testing.threads import AtOnce


class HearingTests(TestCase):
    timeout = 60

    if not watching._libc:
        skip = "there is no inotify here"

    async def setUp(self):
        self.folder = Path(self.mktemp())
        self.here, self.there = await self.account(), await self.account()

    async def account(self, threads=None):
        """Ann's, as a process of its own has it."""
        store = MaildirStore(self.folder, threads or AtOnce())
        await store.start()
        self.addCleanup(store.stop)
        return await store.account("ann")

    def path(self, *parts):
        return self.folder.joinpath("ann", *parts)

    def listening(self, mailbox):
        """What gives the next change that is heard."""
        heard, waiting = [], []

        def told(change):
            waiting.pop().callback(change) if waiting else heard.append(change)

        self.addCleanup(mailbox.listen(told))

        def next_one():
            if heard:
                return heard.pop(0)
            waiting.append(Deferred())
            return waiting[-1]

        async def following():
            found = next_one()
            return await found if isinstance(found, Deferred) else found

        return following

    async def test_each_kind_of_change_of_another_process(self):
        one = await self.here.open(INBOX)
        heard = self.listening(one)
        stored = await put(self.there, b"Subject: x\r\n")
        change = await heard()
        self.assertEqual((type(change), change.entry.uid), (Arrived, stored.uid))
        two = await self.there.open(INBOX)
        await two.change_flags([stored.uid], "add", frozenset({SEEN, "$Work"}))
        change = await heard()
        self.assertEqual((type(change), change.entry.flags), (Flagged, {SEEN, "$Work"}))
        await two.remove([stored.uid])
        self.assertEqual(await heard(), Gone(stored.uid, one.highest_modseq))
        await self.there.create("Work")
        await put(self.there, b"y", "Work")
        work = await self.there.open("Work")
        await work.copy(uids(work.entries()), INBOX)
        self.assertIsInstance(await heard(), Arrived)

    async def test_through_threads_too(self):
        threads = Threads("store", 3)
        self.addCleanup(threads.stop)
        account, other = await self.account(threads), await self.account(threads)
        heard = self.listening(await account.open(INBOX))
        for number in range(5):
            await put(other, b"%d" % number)
        self.assertEqual([(await heard()).entry.uid for _ in range(5)], [1, 2, 3, 4, 5])

    async def test_a_delivery_by_others_into_new(self):
        mailbox = await self.here.open(INBOX)
        heard = self.listening(mailbox)
        self.path("tmp", "1.host").write_bytes(b"Subject: moved\n")
        os.rename(self.path("tmp", "1.host"), self.path("new", "1.host"))
        self.assertEqual((await heard()).entry.size, 16)
        self.path("tmp", "2.host").write_bytes(b"Subject: linked\n")
        os.link(self.path("tmp", "2.host"), self.path("new", "2.host"))
        self.path("tmp", "2.host").unlink()
        self.assertEqual((await heard()).entry.size, 17)
        self.path("new", "3.host").write_bytes(b"Subject: written there\n")
        self.assertEqual((await heard()).entry.size, 24)

    async def test_flags_that_others_change_and_files_that_they_take_away(self):
        await put(self.here)
        mailbox = await self.here.open(INBOX)
        heard = self.listening(mailbox)
        for _ in range(2):
            (file,) = self.path("cur").iterdir()
            os.rename(file, f"{file}F")
            self.assertEqual((await heard()).entry.flags, {FLAGGED})
            await mailbox.change_flags([1], "replace", frozenset())
            self.assertEqual((await heard()).entry.flags, frozenset())
        (file,) = self.path("cur").iterdir()
        file.unlink()
        self.assertIsInstance(await heard(), Gone)

    async def test_a_mailbox_that_another_process_renames_or_deletes(self):
        await self.here.create("Work")
        await put(self.here, b"x", "Work")
        mailbox = await self.here.open("Work")
        heard = self.listening(mailbox)
        await self.there.rename("Work", "New")
        await put(self.there, b"x", "New")
        self.assertIsInstance(await heard(), Arrived)
        self.assertEqual(mailbox.name, "New")
        self.path(".New", "new", "1.host").write_bytes(b"x")
        self.assertIsInstance(await heard(), Arrived)
        await self.there.delete("New")
        self.assertEqual([type(await heard()) for _ in range(3)], [Gone] * 3)

    async def test_ones_own_changes_are_no_reason_to_look(self):
        mailbox = await self.here.open(INBOX)
        looks, look = [], self.here._hearing._look

        async def looking(changed):
            looks.append(changed)
            await look(changed)

        self.here._hearing._look = looking
        await put(self.here)
        await mailbox.change_flags([1], "add", frozenset({SEEN, DELETED}))
        await mailbox.expunge()
        self.path("tmp", "last").write_bytes(b"")
        await self.a_while()
        self.assertEqual(looks, [])
        heard = self.listening(mailbox)
        await put(self.there)
        await heard()
        self.assertNotEqual(looks, [])

    def a_while(self):
        """All that was on its way has been heard."""
        done = Deferred()
        reactor.callLater(0.3, done.callback, None)
        return done

    async def test_a_bell_that_somebody_takes_away_is_hung_up_again(self):
        heard = self.listening(await self.here.open(INBOX))
        self.path("mailtwist-bell").unlink()
        for _ in range(3):
            await put(self.there)
            self.assertIsInstance(await heard(), Arrived)
        self.assertTrue(self.path("mailtwist-bell").exists())

    async def test_who_has_closed_hears_nothing_and_watches_nothing(self):
        mailbox = await self.here.open(INBOX)
        other = await self.here.open(INBOX)
        watches = self.here._hearing._watching._watches
        self.assertEqual(len(watches), 3)
        await other.close()
        self.assertEqual(len(watches), 3)
        await mailbox.close()
        self.assertEqual(watches, {})


class RestlessTests(TestCase):
    """Another program that never rests."""

    def test_one_look_at_a_time_and_time_for_others_between(self):
        root, clock, looks = Path(self.mktemp()), ManualClock(), []
        root.mkdir()
        mailbox = MaildirMailbox(None, 1)
        mailbox.cur = root

        async def look(changed):
            looks.append(Deferred())
            await looks[-1]

        hearing = Hearing(Watching(), Bell(root), clock, look)
        hearing.begin(mailbox)
        for _ in range(100):
            hearing._in_cur(mailbox, watching.CREATED)
            clock.advance(0.02)
        self.assertEqual(len(looks), 1)
        looks[0].callback(None)  # it took two seconds
        for _ in range(300):
            hearing._in_cur(mailbox, watching.CREATED)
            clock.advance(0.02)
        self.assertEqual(len(looks), 1)
        clock.advance(3)
        self.assertEqual(len(looks), 2)
        hearing.end(mailbox)
        looks[1].callback(None)
        self.assertEqual(clock.reactor.getDelayedCalls(), [])


class LockTests(TestCase):
    async def test_a_maildrop_is_held_against_other_processes(self):
        folder = Path(self.mktemp())
        accounts = []
        for _ in range(2):
            store = MaildirStore(folder, AtOnce())
            self.addCleanup(store.stop)
            accounts.append(await store.account("ann"))
        one, two = [await account.open(INBOX) for account in accounts]
        let_go = await one.lock()
        with self.assertRaises(MailboxInUse):
            await two.lock()
        let_go()
        let_go()
        again = await two.lock()
        with self.assertRaises(MailboxInUse):
            await one.lock()
        await accounts[0].create("Other")
        other = await accounts[0].open("Other")
        (await other.lock())()
        again()
        (await one.lock())()
