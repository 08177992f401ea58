"""The index can be lost, is refused when it is newer than we are, and set aside when it is damaged."""

import os
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import FLAGGED, SEEN
from mailtwist.store.api import INBOX, Gone, LimitReached, NoSuchMailbox, Usage
from mailtwist.store.maildir import facts, index, rows
from mailtwist.store.maildir.index import MIGRATIONS, Index, Indexes
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.messages import got, put, uids
from tests.store.maildirs import WithMaildir

INDEX = "mailtwist-index"


class Restless(ManualClock):
    """Whenever it is asked, time has passed."""

    def now(self):
        self.advance(0.7)
        return super().now()


class LostIndexTests(WithMaildir):
    async def lived(self):
        """An account with a life behind it; its store is stopped."""
        store = await self.make_store()
        account = await store.account("ann")
        await account.create("Work", "\\Archive")
        await account.subscribe("Work", True)
        for number in range(4):
            upload = account.upload("Work")
            await upload.write(b"Subject: %d\r\n\r\n" % number)
            await upload.commit(frozenset({SEEN, "$Label"}), received=1_000_000_000.5 + number, zone=-90)
        work = await account.open("Work")
        await work.change_flags([2], "add", frozenset({FLAGGED}))
        await work.remove([1, 4])
        state = await self.state(account)
        await store.stop()
        return state

    async def state(self, account):
        work = await account.open("Work")
        listed = [(one.name, one.special_use, one.subscribed) for one in await account.mailboxes()]
        entries = [(e.uid, e.flags, e.size, e.received, e.zone) for e in work.entries()]
        await work.close()
        return work.uid_validity, entries, listed

    def lose(self, *more):
        for name in (INDEX, INDEX + "-wal", INDEX + "-shm", *more):
            self.path(name).unlink(missing_ok=True)

    async def test_a_lost_index_is_made_again_from_the_files(self):
        state = await self.lived()
        names = self.cur(".Work")
        self.lose()
        account = await self.again()
        self.assertEqual(await self.state(account), state)
        self.assertEqual(self.cur(".Work"), names)

    async def test_the_date_is_the_same_however_long_it_took(self):
        self.clock = Restless()
        account = await self.account()
        for text in (b"small", b"big\r\n" * 600_000):
            await put(account, text)
        dates = [entry.received for entry in (await account.open(INBOX)).entries()]
        self.lose()
        mailbox = await (await self.again()).open(INBOX)
        self.assertEqual([entry.received for entry in mailbox.entries()], dates)

    async def test_uids_that_are_gone_are_not_given_again(self):
        await self.lived()
        self.lose()
        account = await self.again()
        self.assertGreater((await put(account, b"x", "Work")).uid, 4)

    async def test_modseqs_go_on(self):
        await self.lived()
        account = await self.again()
        before = (await account.status("Work")).highest_modseq
        self.lose()
        self.clock.advance(1)
        self.assertGreater((await (await self.again()).status("Work")).highest_modseq, before)

    async def test_modseqs_go_on_after_a_power_cut_and_with_a_clock_that_was_set_back(self):
        self.clock = ManualClock(time.time())
        await self.lived()
        for boot in ("another", "one more"):
            self.patch(index, "THIS_BOOT", boot)
            account = await self.again()
            await put(account, b"x", "Work")  # not synced
        before = (await account.status("Work")).highest_modseq
        self.lose()
        self.clock = ManualClock(86400.0)
        self.assertGreater((await (await self.again()).status("Work")).highest_modseq, before)

    async def test_a_keyword_that_only_files_tell_of_is_not_given_away(self):
        store = await self.make_store()
        account = await store.account("ann")
        for number in range(26):
            await put(account, b"x", INBOX, f"$K{number}")
        await store.stop()
        self.lose()
        account = await self.again()
        with self.assertRaises(LimitReached):
            await put(account, b"x", INBOX, "$New")
        mailbox = await account.open(INBOX)
        self.assertEqual(set(mailbox.keywords), {f"$K{number}" for number in range(26)})

    async def test_messages_known_before_are_not_recent(self):
        await self.lived()
        self.lose()
        self.path(".Work", "new", "1.host").write_bytes(b"x")
        work = await (await self.again()).open("Work")
        self.assertEqual(list(work.claim_recent()), [work.entries()[-1].uid])

    async def test_without_the_mailbox_file_uids_are_given_anew(self):
        uid_validity, entries, _ = await self.lived()
        for index_too in (False, True):
            if index_too:
                self.lose()
            self.path(".Work", "mailtwist-mailbox").unlink()
            os.utime(self.path(".Work", "cur"))
            self.clock.advance(10)
            account = await self.again()
            await account.status(INBOX)
            work = await account.open("Work")
            self.assertNotEqual(work.uid_validity, uid_validity)
            self.assertEqual(uids(work.entries()), [1, 2])
            self.assertEqual([entry.flags for entry in work.entries()], [entry[1] for entry in entries])
            self.assertEqual([entry.zone for entry in work.entries()], [-90, -90])
            uid_validity = work.uid_validity

    async def test_a_mailbox_file_with_nonsense_in_it_is_none(self):
        uid_validity, _, _ = await self.lived()
        for text in (
            b"",
            b"uid-validity 0\nuids-below 5\n",
            b"uid-validity 99999999999\nuids-below 1\n",
            b"\xff",
        ):
            self.lose()
            self.path(".Work", "mailtwist-mailbox").write_bytes(text)
            self.clock.advance(10)
            status = await (await self.again()).status("Work")
            self.assertEqual(status.messages, 2)
            self.assertNotEqual(status.uid_validity, uid_validity)

    async def test_an_index_deleted_while_we_run_is_made_again(self):
        account = await self.account()
        mailbox = await account.open(INBOX)
        heard = []
        mailbox.listen(heard.append)
        await put(account)
        self.lose()
        for seconds in (-1, 2):
            self.clock.advance(seconds)
            await put(account)
            await mailbox.refresh()
            found = {change.entry.uid for change in heard if not isinstance(change, Gone)}
            self.assertEqual(found, set(uids(mailbox.entries())))
            self.lose()
        self.assertEqual(len(mailbox.entries()), 3)
        self.assertEqual([change for change in heard if isinstance(change, Gone)], [])


class OtherIndexTests(WithMaildir):
    async def test_an_index_of_the_first_version_goes_on(self):
        store = await self.make_store()
        stored = await put(await store.account("ann"), b"x" * 100)
        await store.stop()
        with sqlite3.connect(self.path(INDEX)) as index:
            for table in ("facts", "keywords"):
                index.execute(f"DROP TABLE {table}")
            for trigger in ("added", "dropped", "measured"):
                index.execute(f"DROP TRIGGER message_{trigger}")
            for column in ("octets", "messages", "unsynced"):
                index.execute(f"ALTER TABLE account DROP COLUMN {column}")
            index.execute("PRAGMA user_version = 1")
        index.close()
        account = await self.again()
        self.assertEqual(await account.usage(), Usage(100, 1))
        mailbox = await account.open(INBOX)
        self.assertEqual(uids(mailbox.entries()), [stored.uid])
        await mailbox.learn("x", {stored.uid: b"fact"})
        self.assertEqual(dict(await mailbox.known("x", [stored.uid])), {stored.uid: b"fact"})

    async def test_an_index_of_a_newer_version_is_refused_and_left_alone(self):
        store = await self.make_store()
        await put(await store.account("ann"))
        await store.stop()
        newer = len(MIGRATIONS) + 1
        with sqlite3.connect(self.path(INDEX)) as index:
            index.execute(f"PRAGMA user_version = {newer}")
        index.close()
        with self.assertRaises(Trouble) as caught:
            await self.again()
        self.assertEqual(caught.exception.status, "4.3.5")
        self.assertIn("newer", caught.exception.detail)
        index = sqlite3.connect(self.path(INDEX))
        self.assertEqual(index.execute("PRAGMA user_version").fetchone(), (newer,))
        self.assertEqual(index.execute("SELECT count(*) FROM messages").fetchone(), (1,))
        index.close()

    async def test_a_damaged_index_is_set_aside_and_made_again(self):
        store = await self.make_store()
        stored = await put(await store.account("ann"), b"still here\r\n")
        await store.stop()
        self.path(INDEX).write_bytes(b"no database at all, whatever its name" * 100)
        with self.assertRaises(Trouble) as caught:
            await self.again()
        self.assertTrue(caught.exception.temporary)
        mailbox = await (await self.again()).open(INBOX)
        self.assertEqual(await got(mailbox, stored.uid), b"still here\r\n")
        self.assertTrue(self.path(INDEX + ".damaged").exists())

    async def test_the_index_is_for_us_alone(self):
        await self.account()
        self.assertEqual(self.path(INDEX).stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.path().stat().st_mode & 0o777, 0o700)

    async def test_uids_are_committed_with_a_sync(self):
        await self.account()
        index = Index(self.path(INDEX))
        self.assertEqual(index.execute("PRAGMA synchronous").fetchone(), (2,))
        self.assertEqual(index.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        index.close()

    async def test_expunged_uids_are_forgotten_in_the_end_and_nobody_misses_them(self):
        self.patch(rows, "GONE_KEPT", 4)
        account = await self.account()
        for _ in range(9):
            await put(account)
        here = await account.open(INBOX)
        there = await (await self.again()).open(INBOX)
        heard = []
        there.listen(heard.append)
        for uid in range(1, 8):
            await here.remove([uid])
        await there.refresh()
        self.assertEqual([change.uid for change in heard if isinstance(change, Gone)], [1, 2, 3, 4, 5, 6, 7])
        self.assertEqual(there.entries(), here.entries())


class FactsTests(WithMaildir):
    async def test_nothing_waits_for_a_sync_of_facts_but_for_the_next_message(self):
        await self.account()
        index = Index(self.path(INDEX))
        self.addCleanup(index.close)
        for lasting, expected in ((False, 1), (True, 2), (False, 1)):
            with index.transaction(lasting=lasting):
                pass
            self.assertEqual(index.execute("PRAGMA synchronous").fetchone(), (expected,))

    async def test_facts_go_with_their_mailbox(self):
        account = await self.account()
        await account.create("Work")
        stored = await put(account, b"x", "Work")
        work = await account.open("Work")
        await work.learn("x", {stored.uid: b"fact"})
        await account.delete("Work")
        index = sqlite3.connect(self.path(INDEX))
        self.addCleanup(index.close)
        self.assertEqual(index.execute("SELECT count(*) FROM facts").fetchone(), (0,))

    async def test_an_index_without_room_for_facts_harms_nobody(self):
        account = await self.account()
        stored = await put(account)
        mailbox = await account.open(INBOX)

        def full(*args):
            raise Trouble("4.3.1", "Insufficient system storage")

        self.patch(facts, "learn", full)
        await mailbox.learn("x", {stored.uid: b"fact"})
        self.assertEqual(dict(await mailbox.known("x", [stored.uid])), {})


class IndexesTests(WithMaildir):
    def setUp(self):
        super().setUp()
        os.makedirs(name := self.mktemp())
        self.paths = [Path(name) / f"index{number}" for number in range(5)]

    def test_the_least_recently_used_is_closed_first(self):
        indexes = Indexes(2)
        self.addCleanup(indexes.close)
        first = []
        for path in self.paths[:3]:
            with indexes.lent(path) as index:
                first.append(index)
        second = []
        for path in (self.paths[2], self.paths[1], self.paths[0]):
            with indexes.lent(path) as index:
                second.append(index)
        self.assertEqual(
            [second[0] is first[2], second[1] is first[1], second[2] is first[0]], [True, True, False]
        )

    def test_one_that_is_lent_is_not_lent_again(self):
        indexes = Indexes(2)
        self.addCleanup(indexes.close)
        with indexes.lent(self.paths[0]) as one, indexes.lent(self.paths[0]) as two:
            self.assertIsNot(one, two)

    def test_the_one_that_is_ready_is_kept_and_who_has_read_takes_no_word_back(self):
        indexes = Indexes(2)
        self.addCleanup(indexes.close)
        path = self.paths[0]
        for first in (True, False):  # to come back
            with ExitStack() as outer, ExitStack() as inner:
                ready = (inner if first else outer).enter_context(indexes.lent(path))
                with ready.transaction(lasting=False):
                    ready.begun = True
                (outer if first else inner).enter_context(indexes.lent(path))
            with indexes.lent(path) as one:
                self.assertIs(one, ready)
                self.assertEqual(one.execute("SELECT unsynced FROM account").fetchone(), (index.THIS_BOOT,))

    def test_what_fails_is_not_committed_and_files_are_taken_back_in_reverse(self):
        indexes = Indexes(2)
        self.addCleanup(indexes.close)
        done = []
        with indexes.lent(self.paths[0]) as index:
            with self.assertRaises(NoSuchMailbox):
                with index.transaction() as undo:
                    index.execute("UPDATE account SET last_uid_validity = 7")
                    undo.append(lambda: done.append(1))
                    undo.append(lambda: done.append(2))
                    raise NoSuchMailbox("x")
            self.assertEqual(index.execute("SELECT last_uid_validity FROM account").fetchone(), (0,))
        self.assertEqual(done, [2, 1])
