"""Several processes on one Maildir: they see each other's changes, and nobody's work is lost."""

from pathlib import Path

from twisted.internet.defer import CancelledError

from mailtwist.kit.spawn import started, together
from mailtwist.kit.threads import Threads
from mailtwist.mail.flags import DELETED, FLAGGED, SEEN
from mailtwist.store.api import INBOX, Arrived, Flagged, Gone, OverQuota, Quota, Usage
from mailtwist.store.maildir import MaildirStore, mailbox, messages
from mailtwist.store.maildir import upload as upload_module
from mailtwist.testing.messages import got, put, uids
from mailtwist.testing.threads import AtOnce, InTurn
from tests.store.maildirs import WithMaildir


class TwoProcessesTests(WithMaildir):
    async def test_each_hears_what_the_other_did(self):
        here = await self.account()
        there = await self.again()
        one, two = await here.open(INBOX), await there.open(INBOX)
        heard = []
        two.listen(heard.append)
        stored = await put(here, b"x", INBOX, "$Work")
        await two.refresh()
        (flagged,) = await one.change_flags([stored.uid], "add", frozenset({SEEN}))
        await two.refresh()
        await one.remove([stored.uid])
        await two.refresh()
        arrived, changed, gone = heard
        self.assertIsInstance(arrived, Arrived)
        self.assertEqual(arrived.entry.flags, {"$Work"})
        self.assertEqual(changed, Flagged(flagged))
        self.assertEqual(gone, Gone(stored.uid, one.highest_modseq))

    async def test_uids_are_given_once(self):
        accounts = [await self.account(), await self.again()]
        stored = [await put(accounts[number % 2]) for number in range(10)]
        self.assertEqual([one.uid for one in stored], list(range(1, 11)))

    async def test_many_deliveries_at_once_through_threads(self):
        threads = Threads("store", 6)
        self.addCleanup(threads.stop)
        accounts = [await self.account(threads=threads), await self.again(threads=threads)]
        work = [put(accounts[number % 2], b"%d" % number) for number in range(40)]
        stored = await together(*work)
        self.assertEqual(sorted(one.uid for one in stored), list(range(1, 41)))
        mailbox = await accounts[0].open(INBOX)
        texts = {await got(mailbox, one.uid) for one in stored}
        self.assertEqual(texts, {b"%d" % number for number in range(40)})

    async def test_a_quota_holds_for_both_together(self):
        threads = Threads("store", 6)
        self.addCleanup(threads.stop)
        allowed = Quota(messages=7)
        accounts = [
            await self.account(threads=threads, allowed=allowed),
            await self.again(threads=threads, allowed=allowed),
        ]

        async def delivered(number):
            try:
                return await put(accounts[number % 2], b"x")
            except OverQuota:
                return None

        stored = await together(*(delivered(number) for number in range(12)))
        self.assertEqual(len([one for one in stored if one]), 7)
        self.assertEqual(await accounts[1].usage(), Usage(7, 7, None, 7))
        await accounts[0].set_quota(Quota(messages=8))
        self.assertIsNotNone(await delivered(1))
        self.assertIsNone(await delivered(1))

    async def test_flags_of_both_are_kept(self):
        here = await self.account()
        there = await self.again()
        await put(here)
        one, two = await here.open(INBOX), await there.open(INBOX)
        await one.change_flags([1], "add", frozenset({SEEN, "$One"}))
        (entry,) = await two.change_flags([1], "add", frozenset({FLAGGED, "$Two"}))
        self.assertEqual(entry.flags, {SEEN, FLAGGED, "$One", "$Two"})

    async def test_a_mailbox_that_the_other_deleted_or_renamed(self):
        here = await self.account()
        await here.create("Work")
        await here.create("Old")
        await put(here, b"x", "Work")
        await put(here, b"x", "Old")
        there = await self.again()
        work, old = await there.open("Work"), await there.open("Old")
        await here.delete("Work")
        await here.rename("Old", "New")
        await work.refresh()
        await old.refresh()
        self.assertEqual((list(work.entries()), old.name, len(old.entries())), ([], "New", 1))

    async def test_a_cleaned_up_plan_is_made_again(self):
        """The other process takes what COPY is about to make for what a crash left behind."""
        here = await self.account()
        there = await self.again()
        await here.create("Work")
        for _ in range(3):
            await put(here)
        one = await here.open(INBOX)
        planned, plans = messages._planned, []

        def disturbed(ground, *args):
            plan = planned(ground, *args)
            if not plans:
                self.path(".Work", "new", "1.host").write_bytes(b"another one")
                self.successResultOf(started(there.status("Work")))
            plans.append(plan)
            return plan

        self.patch(messages, "_planned", disturbed)
        copied = await one.copy([1, 2, 3], "Work")
        self.assertEqual(len(plans), 2)
        work = await here.open("Work")
        self.assertEqual(len(work.entries()), 4)
        self.assertEqual(uids(work.entries())[1:], [new for _, new in copied.pairs])


class OneProcessTests(WithMaildir):
    async def test_sessions_share_a_mailbox_and_the_last_one_closes_it(self):
        store = await self.make_store()
        account = await store.account("ann")
        self.assertIs(await store.account("ann"), account)
        one, two = await account.open(INBOX), await account.open("inbox")
        self.assertIs(one, two)
        await one.close()
        self.assertIs(await account.open(INBOX), two)
        await two.close()
        await two.close()
        self.assertIsNot(await account.open(INBOX), one)

    async def in_turn(self):
        """Threads that wait for the test, a store that uses them, Ann's account in it."""
        threads, folder = InTurn(), Path(self.mktemp())
        self.folder = folder
        store = MaildirStore(folder, threads, clock=self.clock)
        asked = started(store.account("ann"))
        threads.do_all()
        return threads, store, self.successResultOf(asked)

    async def test_who_stops_waiting_does_not_stop_a_commit(self):
        threads, store, account = await self.in_turn()
        upload = account.upload(INBOX)
        self.successResultOf(started(upload.write(b"x")))
        committed = started(upload.commit())
        committed.cancel()
        self.failureResultOf(committed, CancelledError)
        status = started(account.status(INBOX))
        aborted = started(upload.abort())
        threads.do_all()
        self.assertEqual(self.successResultOf(status).messages, 1)
        self.successResultOf(aborted)
        stopped = started(store.stop())
        threads.do_all()
        self.successResultOf(stopped)

    async def test_an_abort_waits_for_the_block_that_is_being_written(self):
        self.patch(upload_module, "HELD_BY_ALL", 0)
        threads, store, account = await self.in_turn()
        upload = account.upload(INBOX)
        writing = started(upload.write(b"x" * 300_000))
        writing.cancel()
        self.failureResultOf(writing, CancelledError)
        aborted = started(upload.abort())
        self.assertNoResult(aborted)
        threads.do_all()
        self.successResultOf(aborted)
        self.assertEqual(list(self.path("tmp").iterdir()), [])
        stopped = started(store.stop())
        threads.do_all()
        self.successResultOf(stopped)


class PagesTests(WithMaildir):
    async def test_many_changes_are_told_page_by_page_and_mod_sequences_with_the_last(self):
        self.patch(mailbox, "PAGE", 4)
        threads = Hops()
        account = await self.account(threads=threads)
        for _ in range(10):
            await put(account)
        here = await account.open(INBOX)
        before, seen = here.highest_modseq, []
        here.listen(lambda change: seen.append((change, here.highest_modseq, threads.count)))
        threads.count = 0
        await here.change_flags(range(1, 11), "add", frozenset({SEEN}))
        self.assertEqual([change.entry.uid for change, _, _ in seen], list(range(1, 11)))
        self.assertEqual([count for _, _, count in seen], [1] * 4 + [2] * 4 + [3] * 2)
        self.assertEqual({modseq for _, modseq, count in seen if count < 3}, {before})
        self.assertEqual({modseq for _, modseq, count in seen if count == 3}, {before + 1})

    async def test_many_messages_that_come_and_go_are_there_and_gone(self):
        self.patch(mailbox, "PAGE", 4)
        here = await (await self.account()).open(INBOX)
        there = await (await self.again()).open(INBOX)
        recent = []
        here.listen(lambda change: recent.extend(here.claim_recent()))
        for number in range(11):
            self.path("new", f"{number}.host").write_bytes(b"x")
        await there.refresh()
        await here.refresh()
        self.assertEqual((uids(here.entries()), recent), (list(range(1, 12)), list(range(1, 12))))
        await there.remove(range(2, 11))
        await here.refresh()
        self.assertEqual((uids(here.entries()), here.uid_next), ([1, 11], 12))
        self.assertEqual(
            [here.entry(uid) for uid in (1, 2, 11)], [here.entries()[0], None, here.entries()[1]]
        )

    async def test_a_mailbox_of_many_is_sorted_out_in_a_thread(self):
        self.patch(mailbox, "MANY", 3)
        account = await self.account()
        for flags in ((), (SEEN,), (SEEN, "$Work"), ()):
            await put(account, b"x", INBOX, *flags)
        here = await account.open(INBOX)
        self.assertEqual((uids(here.entries()), set(here.keywords)), ([1, 2, 3, 4], {"$Work"}))
        await here.change_flags([3], "remove", frozenset({"$Work"}))
        self.assertEqual(set(here.keywords), set())


class Hops(AtOnce):
    """Counts how often work goes to a thread."""

    def __init__(self):
        super().__init__()
        self.count = 0

    async def run(self, work, *args, **kw):
        self.count += 1
        return await super().run(work, *args, **kw)


class HopTests(WithMaildir):
    async def test_what_is_listed_does_not_go_to_a_thread_for_each_message(self):
        threads = Hops()
        account = await self.account(threads=threads)
        for number in range(300):
            self.path("cur", f"{number}.host:2,S").write_bytes(b"x")
        threads.count = 0
        mailbox = await account.open(INBOX)
        self.assertLessEqual(threads.count, 2)
        for work, most in (
            (lambda: account.status(INBOX), 2),
            (account.mailboxes, 1),
            (mailbox.refresh, 1),
            (lambda: mailbox.change_flags(range(1, 301), "add", frozenset({DELETED})), 1),
            (lambda: mailbox.copy(range(1, 301), INBOX), 1),
            (lambda: mailbox.expunge(range(1, 301)), 1),
        ):
            threads.count = 0
            await work()
            self.assertLessEqual(threads.count, most)
        threads.count = 0
        self.assertEqual(len([mailbox.entry(entry.uid) for entry in mailbox.entries()]), 300)
        self.assertEqual(threads.count, 0)

    async def test_a_small_message_goes_in_and_out_with_one_hop_each(self):
        threads = Hops()
        account = await self.account(threads=threads)
        mailbox = await account.open(INBOX)
        threads.count = 0
        stored = await put(account, b"x" * 50_000)
        self.assertEqual(threads.count, 1)
        self.assertEqual(len(await got(mailbox, stored.uid)), 50_000)
        self.assertEqual(threads.count, 2)
        upload = account.upload(INBOX)
        await upload.write(b"x")
        await upload.prepare()
        await upload.commit()
        self.assertEqual(threads.count, 4)
