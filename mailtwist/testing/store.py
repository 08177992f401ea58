"""What every store must do: subclass, say how to make one, get the tests."""

from mailtwist.kit.spawn import started
from mailtwist.mail.flags import DRAFT, SEEN
from mailtwist.store.api import INBOX, Account, Arrived, MessageGone, NoSuchMailbox, Store
from mailtwist.testing.mailbox_facts import MailboxFactsContract
from mailtwist.testing.mailbox_names import MailboxNamesContract
from mailtwist.testing.messages import got, put, uids
from mailtwist.testing.quotas import QuotasContract

MESSAGES = (
    b"",
    b"x",
    b"\r\n",
    b"Subject: no end of line",
    b"Subject: one\r\n\r\nbody\r\n",
    b"Subject: dots\r\n\r\n.\r\n..\r\n.\r\n",
    b"Subject: lone\n\nLF, \r and CR\r\r\n\n",
    b"Subject: all\r\n\r\n" + bytes(range(256)) + b"\r\n",
    b"From here\r\n" * 5_000,
    b"\xff" * 300_000 + b"\r\n",
)


class StoreContract(MailboxNamesContract, MailboxFactsContract, QuotasContract):
    """Mix into a trial `TestCase` that has `async def make_store()`: an empty store, a new one each time."""

    async def make_store(self) -> Store:
        raise NotImplementedError

    async def make_account(self) -> Account:
        return await (await self.make_store()).account("ann")

    async def test_accounts_are_apart(self) -> None:
        store = await self.make_store()
        ann, bob = await store.account("ann"), await store.account("bob")
        self.assertEqual((ann.id, bob.id), ("ann", "bob"))
        await put(ann)
        await ann.create("Only Ann's")
        self.assertEqual((await bob.status(INBOX)).messages, 0)
        self.assertEqual([listed.name for listed in await bob.mailboxes()], [INBOX])

    async def test_the_same_id_is_the_same_account(self) -> None:
        store = await self.make_store()
        await put(await store.account("ann"))
        self.assertEqual((await (await store.account("ann")).status(INBOX)).messages, 1)

    async def test_a_new_account_takes_mail_from_all_who_come_first(self) -> None:
        store = await self.make_store()

        async def deliver() -> None:
            upload = (await store.account("ann")).upload(INBOX)
            await upload.prepare()
            await upload.commit()

        for delivery in [started(deliver()) for _ in range(4)]:
            await delivery
        self.assertEqual((await (await store.account("ann")).status(INBOX)).messages, 4)

    async def test_any_id_is_an_account_of_its_own(self) -> None:
        store = await self.make_store()
        strange = (
            "../ann",
            "..",
            ".",
            "/",
            "ann/../bob",
            "\0",
            "ÄÖ@example.org",
            "a" * 500,
            "A%2F",
            "%",
            "~",
        )
        for id in strange:
            await put(await store.account(id), id.encode())
        for id in strange:
            mailbox = await (await store.account(id)).open(INBOX)
            self.assertEqual([await got(mailbox, uid) for uid in uids(mailbox.entries())], [id.encode()])

    async def test_octets_come_back_as_they_were_sent(self) -> None:
        account = await self.make_account()
        stored = [(await put(account, message)).uid for message in MESSAGES]
        mailbox = await account.open(INBOX)
        for uid, message in zip(stored, MESSAGES, strict=True):
            self.assertEqual(await got(mailbox, uid), message)
            entry = mailbox.entry(uid)
            assert entry is not None
            self.assertEqual(entry.size, len(message))

    async def test_any_range_of_a_message_can_be_read(self) -> None:
        message = b"".join(b"%06d\r\n" % number for number in range(40_000))
        account = await self.make_account()
        stored = await put(account, message)
        content = await (await account.open(INBOX)).open(stored.uid)
        self.assertEqual(content.size, len(message))
        for start, count in ((310_000, 20), (0, 8), (7, 70_000), (len(message) - 5, 100), (5, 0)):
            self.assertEqual(await content.read(start, count), message[start : start + count])
        self.assertEqual(await content.read(len(message), 10), b"")
        content.close()

    async def test_an_open_message_outlives_its_expunge(self) -> None:
        for message in (b"small\r\n", b"big\r\n" * 60_000):
            account = await self.make_account()
            stored = await put(account, message)
            mailbox = await account.open(INBOX)
            content = await mailbox.open(stored.uid)
            await mailbox.remove([stored.uid])
            self.assertEqual(await content.read(0, len(message)), message)
            content.close()
            content.close()
            with self.assertRaises(MessageGone):
                await mailbox.open(stored.uid)

    async def test_several_are_opened_together_and_what_is_gone_is_none(self) -> None:
        account = await self.make_account()
        stored = [await put(account, b"%d\r\n" % number) for number in range(5)]
        mailbox = await account.open(INBOX)
        await mailbox.remove([stored[2].uid])
        left, found = [one.uid for one in stored], []
        while left:
            opened = await mailbox.open_some(left)
            self.assertGreater(len(opened), 0)
            for content in opened:
                found.append(None if content is None else await content.read(0, 9))
                if content is not None:
                    content.close()
            left = left[len(opened) :]
        self.assertEqual(found, [b"0\r\n", b"1\r\n", None, b"3\r\n", b"4\r\n"])

    async def test_nobody_sees_an_upload_before_its_commit(self) -> None:
        account, mailbox = await self.opened()
        heard = self.told(mailbox)
        upload = account.upload(INBOX)
        await upload.write(b"x" * 300_000)
        await upload.prepare()
        await mailbox.refresh()
        self.assertEqual((list(mailbox.entries()), heard), ([], []))
        self.assertEqual((await account.status(INBOX)).messages, 0)
        stored = await upload.commit()
        self.assertEqual(uids(mailbox.entries()), [stored.uid])
        self.assertEqual(heard, [Arrived(mailbox.entries()[0])])

    async def test_nothing_is_left_of_an_aborted_upload(self) -> None:
        account, mailbox = await self.opened()
        for ready in (False, True):
            upload = account.upload(INBOX)
            await upload.write(b"x" * 300_000)
            if ready:
                await upload.prepare()
            await upload.abort()
            await upload.abort()
            with self.assertRaises(ValueError):
                await upload.commit()
        await mailbox.refresh()
        self.assertEqual(uids(mailbox.entries()), [])

    async def test_an_abort_after_the_commit_does_nothing(self) -> None:
        account, mailbox = await self.opened()
        upload = account.upload(INBOX)
        stored = await upload.commit()
        await upload.abort()
        self.assertEqual(uids(mailbox.entries()), [stored.uid])

    async def test_an_upload_into_nothing_is_told_so_and_leaves_nothing(self) -> None:
        account = await self.make_account()
        with self.assertRaises(NoSuchMailbox):
            await account.upload("Nowhere").commit()
        upload = account.upload("Nowhere")
        with self.assertRaises(NoSuchMailbox):
            await upload.prepare()
        await upload.abort()
        self.assertEqual([listed.name for listed in await account.mailboxes()], [INBOX])

    async def test_several_uploads_at_once_each_get_their_own_octets(self) -> None:
        account = await self.make_account()
        uploads = [account.upload(INBOX) for _ in range(5)]
        for step in range(3):
            for number, upload in enumerate(uploads):
                await upload.write(b"%d" % number * 100_000 + b"%d" % step)
        stored = [await upload.commit() for upload in reversed(uploads)]
        mailbox = await account.open(INBOX)
        for number, one in enumerate(reversed(stored)):
            expected = b"".join(b"%d" % number * 100_000 + b"%d" % step for step in range(3))
            self.assertEqual(await got(mailbox, one.uid), expected)

    async def test_flags_and_date_are_kept(self) -> None:
        account = await self.make_account()
        upload = account.upload(INBOX)
        await upload.commit(frozenset({SEEN, DRAFT, "$Label1"}), received=1_000_000_000.0, zone=-90)
        (entry,) = (await account.open(INBOX)).entries()
        self.assertEqual(entry.flags, {SEEN, DRAFT, "$Label1"})
        self.assertEqual((entry.received, entry.zone), (1_000_000_000.0, -90))

    async def test_uids_ascend_and_are_never_given_again(self) -> None:
        account, mailbox = await self.opened(3)
        first = uids(mailbox.entries())
        self.assertEqual(first, sorted(set(first)))
        await mailbox.remove(first[1:])
        await mailbox.close()
        mailbox = await account.open(INBOX)
        stored = await put(account)
        self.assertGreater(stored.uid, first[-1])
        self.assertEqual(stored.uid_validity, mailbox.uid_validity)
        self.assertGreater(mailbox.uid_next, stored.uid)
        self.assertEqual((await account.status(INBOX)).uid_next, mailbox.uid_next)

    async def test_entries_are_found_by_uid(self) -> None:
        _, mailbox = await self.opened(3)
        for entry in mailbox.entries():
            self.assertEqual(mailbox.entry(entry.uid), entry)
        self.assertIsNone(mailbox.entry(0))
        self.assertIsNone(mailbox.entry(mailbox.uid_next))

    async def test_a_list_that_was_handed_out_does_not_change(self) -> None:
        account, mailbox = await self.opened(2)
        entries = mailbox.entries()
        before = list(entries)
        await put(account)
        await mailbox.change_flags([before[0].uid], "add", frozenset({SEEN}))
        await mailbox.remove([before[1].uid])
        self.assertEqual(list(entries), before)
