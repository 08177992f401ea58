"""What every store must do when messages change, go, are copied; and who must be told."""

from typing import TYPE_CHECKING

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import ANSWERED, DELETED, FLAGGED, RECENT, SEEN, SYSTEM
from mailtwist.store.api import (
    INBOX,
    Account,
    Arrived,
    Change,
    Flagged,
    Gone,
    LimitReached,
    Mailbox,
    MailboxInUse,
    NoSuchMailbox,
)
from mailtwist.testing.messages import got, put, uids

if TYPE_CHECKING:
    from unittest import TestCase

    class _TestCase(TestCase):
        def flushLoggedErrors(self, *types: type[BaseException]) -> list[object]: ...
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


class MailboxChangesContract(_TestCase):
    """Part of `StoreContract`."""

    async def make_account(self) -> Account:
        raise NotImplementedError

    async def opened(self, messages: int = 0, *flags: str) -> tuple[Account, Mailbox]:
        """An account and its INBOX with so many messages."""
        account = await self.make_account()
        for number in range(messages):
            await put(account, b"Subject: %d\r\n\r\n" % (number + 1), INBOX, *flags)
        return account, await account.open(INBOX)

    def told(self, mailbox: Mailbox) -> list[Change]:
        """What a listener hears from now on."""
        heard: list[Change] = []
        self.addCleanup(mailbox.listen(heard.append))
        return heard

    async def test_flags_are_added_removed_replaced(self) -> None:
        _, mailbox = await self.opened(1, SEEN)
        (uid,) = uids(mailbox.entries())
        for how, flags, expected in (
            ("add", {FLAGGED, "$Junk"}, {SEEN, FLAGGED, "$Junk"}),
            ("remove", {SEEN, "$Junk", "$Never"}, {FLAGGED}),
            ("replace", {ANSWERED, "$Work"}, {ANSWERED, "$Work"}),
            ("replace", set(), set()),
        ):
            (entry,) = await mailbox.change_flags([uid], how, frozenset(flags))  # type: ignore[arg-type]
            self.assertEqual(entry.flags, expected)
            self.assertEqual(list(mailbox.entries()), [entry])

    async def test_all_system_flags_are_kept_and_no_others(self) -> None:
        _, mailbox = await self.opened(1, *SYSTEM, RECENT, "\\Other")
        self.assertEqual(mailbox.entries()[0].flags, set(SYSTEM))

    async def test_a_keyword_has_one_spelling(self) -> None:
        account, mailbox = await self.opened(1, "$Work")
        await put(account, b"x", INBOX, "$WORK")
        self.assertEqual([entry.flags for entry in mailbox.entries()], [{"$Work"}, {"$Work"}])
        await mailbox.change_flags(uids(mailbox.entries()), "remove", frozenset({"$work"}))
        self.assertEqual(list(mailbox.keywords), [])

    async def test_keywords_in_use_are_told(self) -> None:
        account, mailbox = await self.opened(1, SEEN, "$Work")
        self.assertEqual(set(mailbox.keywords), {"$Work"})
        await put(account, b"x", INBOX, "Other")
        self.assertEqual(set(mailbox.keywords), {"$Work", "Other"})

    async def test_there_is_an_end_to_keywords_and_it_is_known(self) -> None:
        account, mailbox = await self.opened(2)
        first, second = uids(mailbox.entries())
        taken = 0
        while mailbox.takes_keywords:
            await mailbox.change_flags([first], "add", frozenset({f"k{taken}"}))
            taken += 1
        self.assertGreaterEqual(taken, 26)
        with self.assertRaises(LimitReached):
            await mailbox.change_flags([second], "add", frozenset({"more"}))
        with self.assertRaises(LimitReached):
            await account.upload(INBOX).commit(frozenset({"more"}))
        await account.create("Other")
        await put(account, b"x", "Other", "more")
        other = await account.open("Other")
        with self.assertRaises(LimitReached):
            await other.copy(uids(other.entries()), INBOX)
        self.assertEqual([entry.flags for entry in mailbox.entries()][1:], [frozenset()])
        await mailbox.change_flags([second], "add", frozenset({"K1", SEEN}))
        await mailbox.change_flags([first], "remove", frozenset({"k0"}))
        self.assertTrue(mailbox.takes_keywords)
        await mailbox.change_flags([second], "add", frozenset({"more"}))

    async def test_a_keyword_that_could_break_a_file_is_refused(self) -> None:
        _, mailbox = await self.opened(1)
        for keyword in ("a\nb", "a b", "", "é", "\0", "x" * 1000):
            with self.assertRaises(Trouble):
                await mailbox.change_flags(uids(mailbox.entries()), "add", frozenset({keyword}))
        self.assertEqual(mailbox.entries()[0].flags, frozenset())

    async def test_modseq_grows_with_each_change_and_only_then(self) -> None:
        account, mailbox = await self.opened(2)
        one, two = mailbox.entries()
        seen = {mailbox.highest_modseq}
        self.assertGreaterEqual(mailbox.highest_modseq, max(one.modseq, two.modseq))
        (changed,) = await mailbox.change_flags([one.uid], "add", frozenset({SEEN}))
        self.assertGreater(changed.modseq, max(seen))
        seen.add(mailbox.highest_modseq)
        (same,) = await mailbox.change_flags([one.uid], "add", frozenset({SEEN}))
        self.assertEqual(same, changed)
        self.assertEqual(mailbox.highest_modseq, max(seen))
        await mailbox.remove([two.uid])
        self.assertGreater(mailbox.highest_modseq, max(seen))
        self.assertEqual((await account.status(INBOX)).highest_modseq, mailbox.highest_modseq)

    async def test_messages_changed_since_are_left_alone(self) -> None:
        _, mailbox = await self.opened(2)
        one, two = mailbox.entries()
        since = mailbox.highest_modseq
        await mailbox.change_flags([two.uid], "add", frozenset({FLAGGED}))
        changed = await mailbox.change_flags([one.uid, two.uid], "add", frozenset({SEEN}), since)
        self.assertEqual(uids(changed), [one.uid])
        self.assertEqual([entry.flags for entry in mailbox.entries()], [{SEEN}, {FLAGGED}])

    async def test_uids_that_do_not_exist_are_passed_over(self) -> None:
        _, mailbox = await self.opened(1)
        (uid,) = uids(mailbox.entries())
        self.assertEqual(uids(await mailbox.change_flags([99, uid, uid], "add", frozenset({SEEN}))), [uid])
        self.assertEqual(await mailbox.change_flags([99], "add", frozenset({SEEN})), [])
        self.assertEqual(list(await mailbox.remove([99])), [])
        self.assertEqual(list(await mailbox.expunge([99])), [])
        self.assertEqual((await mailbox.copy([99], INBOX)).pairs, ())

    async def test_expunge_takes_what_is_marked_deleted(self) -> None:
        _, mailbox = await self.opened(4)
        a, b, c, d = uids(mailbox.entries())
        await mailbox.change_flags([a, b, c], "add", frozenset({DELETED}))
        self.assertEqual(list(await mailbox.expunge([d, b])), [b])
        self.assertEqual(list(await mailbox.expunge()), [a, c])
        self.assertEqual(uids(mailbox.entries()), [d])

    async def test_remove_takes_whatever_it_is_told(self) -> None:
        _, mailbox = await self.opened(3)
        a, b, c = uids(mailbox.entries())
        self.assertEqual(list(await mailbox.remove([c, a])), [a, c])
        self.assertEqual(uids(mailbox.entries()), [b])

    async def test_a_copy_has_the_octets_flags_and_date(self) -> None:
        account = await self.make_account()
        upload = account.upload(INBOX)
        await upload.write(b"Subject: x\r\n\r\n")
        stored = await upload.commit(frozenset({SEEN, "$Work"}), received=1_000_000_000.0, zone=60)
        await account.create("Other")
        await put(account, b"x", "Other", "$Before")
        inbox, other = await account.open(INBOX), await account.open("other".title())
        copied = await inbox.copy([stored.uid], "Other")
        self.assertEqual(copied.uid_validity, other.uid_validity)
        ((old, new),) = copied.pairs
        self.assertEqual(old, stored.uid)
        entry = other.entry(new)
        assert entry is not None
        self.assertEqual(entry.flags, {SEEN, "$Work"})
        self.assertEqual((entry.received, entry.zone, entry.size), (1_000_000_000.0, 60, 14))
        await inbox.remove([old])
        self.assertEqual(await got(other, new), b"Subject: x\r\n\r\n")

    async def test_a_copy_keeps_the_order_and_may_stay_in_its_mailbox(self) -> None:
        _, mailbox = await self.opened(3)
        a, b, c = uids(mailbox.entries())
        pairs = (await mailbox.copy([c, a], INBOX)).pairs
        self.assertEqual([old for old, _ in pairs], [a, c])
        self.assertEqual(uids(mailbox.entries()), [a, b, c, *(new for _, new in pairs)])
        self.assertEqual(await got(mailbox, pairs[1][1]), await got(mailbox, c))

    async def test_a_copy_to_nowhere_copies_nothing(self) -> None:
        _, mailbox = await self.opened(2)
        for work in (mailbox.copy, mailbox.move):
            with self.assertRaises(NoSuchMailbox):
                await work(uids(mailbox.entries()), "Nowhere")
        self.assertEqual(len(mailbox.entries()), 2)

    async def test_a_moved_message_is_in_the_other_mailbox_only(self) -> None:
        account, inbox = await self.opened(3, FLAGGED)
        await account.create("Other")
        other = await account.open("Other")
        heard_here, heard_there = self.told(inbox), self.told(other)
        a, b, c = uids(inbox.entries())
        pairs = (await inbox.move([a, c], "Other")).pairs
        self.assertEqual(uids(inbox.entries()), [b])
        self.assertEqual(uids(other.entries()), [new for _, new in pairs])
        self.assertEqual([await got(other, new) for _, new in pairs][1], b"Subject: 3\r\n\r\n")
        self.assertEqual([change.uid for change in heard_here if isinstance(change, Gone)], [a, c])
        self.assertEqual(heard_there, [Arrived(entry) for entry in other.entries()])
        self.assertEqual({entry.flags for entry in other.entries()}, {frozenset({FLAGGED})})

    async def test_all_sessions_are_told_in_order_whoever_made_a_change(self) -> None:
        account, one = await self.opened()
        two = await account.open(INBOX)
        heard_one, heard_two = self.told(one), self.told(two)
        stored = await put(account)
        (seen,) = await one.change_flags([stored.uid], "add", frozenset({SEEN, DELETED}))
        await two.expunge()
        await one.refresh()
        await two.refresh()
        self.assertEqual(heard_one, heard_two)
        arrived, flagged, gone = heard_one
        self.assertIsInstance(arrived, Arrived)
        self.assertEqual(flagged, Flagged(seen))
        self.assertEqual(gone, Gone(stored.uid, one.highest_modseq))

    async def test_who_has_stopped_listening_hears_nothing(self) -> None:
        account, mailbox = await self.opened()
        heard: list[Change] = []
        stop = mailbox.listen(heard.append)
        again = mailbox.listen(heard.append)
        stop()
        stop()
        await put(account)
        self.assertEqual(len(heard), 1)
        again()
        await put(account)
        self.assertEqual(len(heard), 1)

    async def test_a_listener_that_fails_does_not_harm_the_others(self) -> None:
        account, mailbox = await self.opened()

        def fails(change: Change) -> None:
            raise RuntimeError("a listener failed")

        self.addCleanup(mailbox.listen(fails))
        heard = self.told(mailbox)
        await put(account)
        self.assertEqual(len(heard), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_recent_is_claimed_once(self) -> None:
        account, mailbox = await self.opened(2)
        other = await account.open(INBOX)
        self.assertEqual(list(mailbox.recent()), uids(mailbox.entries()))
        self.assertEqual((await account.status(INBOX)).recent, 2)
        self.assertEqual(list(mailbox.claim_recent()), uids(mailbox.entries()))
        self.assertEqual((list(other.claim_recent()), list(other.recent())), ([], []))
        self.assertEqual((await account.status(INBOX)).recent, 0)
        stored = await put(account)
        await mailbox.close()
        await other.close()
        self.assertEqual(list((await account.open(INBOX)).claim_recent()), [stored.uid])

    async def test_the_status_counts(self) -> None:
        account, mailbox = await self.opened(2, SEEN)
        await put(account, b"123456\r\n", INBOX, DELETED)
        status = await account.status("inbox")
        self.assertEqual((status.messages, status.unseen, status.deleted), (3, 1, 1))
        self.assertEqual(status.size, sum(entry.size for entry in mailbox.entries()))
        self.assertEqual(status.uid_validity, mailbox.uid_validity)
        with self.assertRaises(NoSuchMailbox):
            await account.status("Nowhere")

    async def test_one_at_a_time_holds_the_lock(self) -> None:
        account, mailbox = await self.opened()
        other = await account.open(INBOX)
        let_go = await mailbox.lock()
        with self.assertRaises(MailboxInUse):
            await other.lock()
        let_go()
        again = await other.lock()
        let_go()  # it holds nothing any more
        with self.assertRaises(MailboxInUse):
            await mailbox.lock()
        again()
