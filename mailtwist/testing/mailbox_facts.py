"""What every store must do with what was worked out of its messages."""

from mailtwist.mail.flags import SEEN
from mailtwist.store.api import INBOX
from mailtwist.store.facts import LARGEST
from mailtwist.testing.mailbox_changes import MailboxChangesContract
from mailtwist.testing.messages import put, uids


class MailboxFactsContract(MailboxChangesContract):
    """Part of `StoreContract`."""

    async def test_what_was_learned_is_known(self) -> None:
        _, mailbox = await self.opened(3)
        one, two, three = uids(mailbox.entries())
        await mailbox.learn("envelope.1", {one: b"first", three: b"\0\xff\r\n"})
        await mailbox.learn("structure.1", {one: b"other"})
        found = await mailbox.known("envelope.1", [three, two, one, one, 99])
        self.assertEqual(dict(found), {one: b"first", three: b"\0\xff\r\n"})
        self.assertEqual(dict(await mailbox.known("structure.1", [one, two])), {one: b"other"})
        self.assertEqual(dict(await mailbox.known("envelope.2", [one])), {})
        self.assertEqual(dict(await mailbox.known("envelope.1", [])), {})

    async def test_what_was_learned_anew_counts(self) -> None:
        _, mailbox = await self.opened(1)
        (uid,) = uids(mailbox.entries())
        await mailbox.learn("x", {uid: b"old"})
        await mailbox.learn("x", {uid: b"new"})
        self.assertEqual(dict(await mailbox.known("x", [uid])), {uid: b"new"})

    async def test_all_who_have_it_open_know_it_also_later(self) -> None:
        account, mailbox = await self.opened(1)
        (uid,) = uids(mailbox.entries())
        await mailbox.learn("x", {uid: b"fact"})
        await mailbox.change_flags([uid], "add", frozenset({SEEN}))
        other = await account.open(INBOX)
        self.assertEqual(dict(await other.known("x", [uid])), {uid: b"fact"})
        await other.close()
        await mailbox.close()
        again = await account.open(INBOX)
        self.assertEqual(dict(await again.known("x", [uid])), {uid: b"fact"})

    async def test_facts_go_with_their_message(self) -> None:
        account, mailbox = await self.opened(3)
        await account.create("Other")
        one, two, three = uids(mailbox.entries())
        await mailbox.learn("x", {one: b"1", two: b"2", three: b"3"})
        await mailbox.remove([one])
        await mailbox.move([two], "Other")
        await mailbox.learn("x", {one: b"late", 99: b"never there"})
        self.assertEqual(dict(await mailbox.known("x", [one, two, three, 99])), {three: b"3"})

    async def test_a_large_fact_is_not_kept(self) -> None:
        account, mailbox = await self.opened()
        uid = (await put(account, b"x" * 2 * LARGEST)).uid
        await mailbox.learn("x", {uid: b"y" * LARGEST})
        self.assertEqual(len((await mailbox.known("x", [uid]))[uid]), LARGEST)
        await mailbox.learn("y", {uid: b"y" * (LARGEST + 1)})
        self.assertEqual(dict(await mailbox.known("y", [uid])), {})

    async def test_many_kinds_of_facts_are_bounded_by_the_size_of_the_message(self) -> None:
        account, mailbox = await self.opened()
        uid = (await put(account, b"x" * 10_000)).uid
        kept = 0
        for number in range(100):
            await mailbox.learn(f"kind {number}", {uid: b"y" * 1000})
        for number in range(100):
            kept += sum(map(len, (await mailbox.known(f"kind {number}", [uid])).values()))
        self.assertLessEqual(kept, 15_000)
        self.assertEqual(len((await mailbox.known("kind 99", [uid]))[uid]), 1000)

    async def test_facts_of_many_messages_at_once(self) -> None:
        _, mailbox = await self.opened(600)
        facts = {uid: b"%d" % uid for uid in uids(mailbox.entries())}
        await mailbox.learn("x", facts)
        self.assertEqual(dict(await mailbox.known("x", facts.keys())), facts)
