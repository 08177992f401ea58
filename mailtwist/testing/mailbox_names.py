"""What every store must do with the names of mailboxes, friendly and hostile ones."""

from typing import TYPE_CHECKING

from mailtwist.kit.trouble import Trouble
from mailtwist.store import names
from mailtwist.store.api import (
    INBOX,
    Account,
    CannotDo,
    Gone,
    HasChildren,
    LimitReached,
    MailboxExists,
    NoSuchMailbox,
)

if TYPE_CHECKING:
    from unittest import TestCase

    class _TestCase(TestCase):
        def patch(self, thing: object, name: str, value: object) -> object: ...
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

NEVER = ("", "/", "a//b", "/a", "a/", "a\0b", "a\nb", "\x7f", "\ud800", "x" * 2000)
"""Cannot be the name of a mailbox."""

HOSTILE = (
    "../x",
    "..",
    ".",
    "../../../../etc",
    "a/../b",
    "a/./b",
    ".a",
    "a.b",
    "a..b",
    "a\\b",
    "a\\2eb",
    "~",
    "~root",
    "&",
    "&AC4-",
    "a:2,S",
    "cur",
    "new/tmp",
    "Entwürfe",
    "\N{PILE OF POO}",
    "A" * 60,
    "inboxes",
    "INBOX.x",
    "- rf",
    '"',
    " a ",
)
"""May be one; then it is one of its own, kept inside the account."""


class MailboxNamesContract(_TestCase):
    """Part of `StoreContract`."""

    async def make_account(self) -> Account:
        raise NotImplementedError

    async def listed(self, account: Account) -> list[str]:
        return [listed.name for listed in await account.mailboxes()]

    async def put(self, account: Account, name: str, octets: bytes = b"x") -> None:
        upload = account.upload(name)
        await upload.write(octets)
        await upload.commit()

    async def test_inbox_exists_and_compares_without_case(self) -> None:
        account = await self.make_account()
        self.assertEqual(await self.listed(account), [INBOX])
        one, two = await account.open("inbox"), await account.open("InBoX")
        self.assertEqual((one.name, two.name), (INBOX, INBOX))
        self.assertEqual(one.uid_validity, two.uid_validity)
        for name in ("inbox", INBOX):
            with self.assertRaises(MailboxExists):
                await account.create(name)
            with self.assertRaises(CannotDo):
                await account.delete(name)
            with self.assertRaises(MailboxExists):
                await account.rename(INBOX, name)

    async def test_other_names_compare_with_case(self) -> None:
        account = await self.make_account()
        await account.create("Work")
        await account.create("work")
        self.assertEqual(await self.listed(account), [INBOX, "Work", "work"])

    async def test_names_that_look_the_same_are_the_same(self) -> None:
        account = await self.make_account()
        await account.create("Entwu\u0308rfe/\u212b")
        self.assertEqual(await self.listed(account), [INBOX, "Entw\xfcrfe", "Entw\xfcrfe/\xc5"])
        with self.assertRaises(MailboxExists):
            await account.create("Entw\xfcrfe")
        await self.put(account, "Entwu\u0308rfe")
        await account.rename("Entwu\u0308rfe", "e\u0301")
        await account.subscribe("e\u0301", True)
        self.assertEqual((await account.status("\xe9")).messages, 1)
        found = [(one.name, one.subscribed) for one in await account.mailboxes()]
        self.assertEqual(found, [(INBOX, False), ("\xe9", True), ("\xe9/\xc5", False)])
        await account.subscribe("\xe9", False)
        await account.delete("e\u0301/A\u030a")
        await account.delete("e\u0301")
        self.assertEqual(await self.listed(account), [INBOX])

    async def test_names_above_are_made_too(self) -> None:
        account = await self.make_account()
        await account.create("a/b/c")
        self.assertEqual(await self.listed(account), [INBOX, "a", "a/b", "a/b/c"])
        for listed in await account.mailboxes():
            self.assertTrue(listed.selectable)

    async def test_a_mailbox_is_made_once(self) -> None:
        account = await self.make_account()
        await account.create("Work")
        with self.assertRaises(MailboxExists):
            await account.create("Work")

    async def test_what_does_not_exist_is_told_so(self) -> None:
        account = await self.make_account()
        with self.assertRaises(NoSuchMailbox):
            await account.open("Nowhere")
        with self.assertRaises(NoSuchMailbox):
            await account.delete("Nowhere")
        with self.assertRaises(NoSuchMailbox):
            await account.rename("Nowhere", "There")
        self.assertEqual(await self.listed(account), [INBOX])

    async def test_a_name_that_comes_back_has_another_uid_validity(self) -> None:
        account = await self.make_account()
        seen = set()
        for _ in range(3):
            await account.create("Work")
            await self.put(account, "Work")
            seen.add((await account.status("Work")).uid_validity)
            await account.delete("Work")
        self.assertEqual(len(seen), 3)

    async def test_a_deleted_mailbox_is_gone_with_its_messages(self) -> None:
        account = await self.make_account()
        await account.create("Work")
        await self.put(account, "Work")
        mailbox = await account.open("Work")
        heard: list[object] = []
        mailbox.listen(heard.append)
        await account.delete("Work")
        await mailbox.refresh()
        self.assertEqual(list(mailbox.entries()), [])
        self.assertIsInstance(heard[0], Gone)
        with self.assertRaises(NoSuchMailbox):
            await account.open("Work")
        with self.assertRaises(NoSuchMailbox):
            await self.put(account, "Work")
        await mailbox.close()

    async def test_what_lies_below_a_deleted_mailbox_stays(self) -> None:
        account = await self.make_account()
        await account.create("a/b")
        await self.put(account, "a/b")
        await account.delete("a")
        listed = {one.name: one.selectable for one in await account.mailboxes()}
        self.assertEqual(listed, {INBOX: True, "a": False, "a/b": True})
        self.assertEqual((await account.status("a/b")).messages, 1)
        with self.assertRaises(HasChildren):
            await account.delete("a")
        with self.assertRaises(NoSuchMailbox):
            await account.open("a")
        await account.create("a")
        await account.open("a")

    async def test_a_renamed_mailbox_keeps_its_messages_and_all_below_it(self) -> None:
        account = await self.make_account()
        await account.create("a/b/c")
        await account.create("ab")
        await self.put(account, "a", b"in a")
        await self.put(account, "a/b/c", b"in c")
        before = await account.status("a/b/c")
        mailbox = await account.open("a")
        await account.rename("a", "x/y")
        self.assertEqual(await self.listed(account), [INBOX, "ab", "x", "x/y", "x/y/b", "x/y/b/c"])
        self.assertEqual(await account.status("x/y/b/c"), before)
        self.assertEqual(mailbox.name, "x/y")
        await self.put(account, "x/y", b"more")
        self.assertEqual(len(mailbox.entries()), 2)

    async def test_a_level_that_is_no_mailbox_is_none_after_a_rename(self) -> None:
        account = await self.make_account()
        await account.create("foo/bar")
        await account.delete("foo")
        await account.rename("foo", "up/zowie")
        listed = {one.name: one.selectable for one in await account.mailboxes()}
        self.assertEqual(listed, {INBOX: True, "up": True, "up/zowie": False, "up/zowie/bar": True})

    async def test_a_rename_never_hides_a_mailbox(self) -> None:
        account = await self.make_account()
        await account.create("a/b")
        await account.create("c/b")
        for old, new in (("a", "c"), ("a", "a"), ("a/b", INBOX), ("a", "inbox")):
            with self.assertRaises(Trouble):
                await account.rename(old, new)
        await account.delete("c")
        with self.assertRaises(MailboxExists):
            await account.rename("a", "c")
        with self.assertRaises(CannotDo):
            await account.rename("a", "a/b/c")
        self.assertEqual(await self.listed(account), [INBOX, "a", "a/b", "c", "c/b"])

    async def test_inbox_gives_its_messages_away_and_stays(self) -> None:
        account = await self.make_account()
        await account.create("INBOX/below")
        await self.put(account, INBOX, b"1")
        await self.put(account, INBOX, b"2")
        await account.rename(INBOX, "Old/mail")
        self.assertEqual((await account.status(INBOX)).messages, 0)
        self.assertEqual((await account.status("Old/mail")).messages, 2)
        self.assertEqual(await self.listed(account), [INBOX, "INBOX/below", "Old", "Old/mail"])
        with self.assertRaises(MailboxExists):
            await account.rename(INBOX, "Old")

    async def test_below_inbox_names_have_one_spelling(self) -> None:
        account = await self.make_account()
        await account.create("inbox/kid")
        await account.open("InBox/kid")
        self.assertEqual(await self.listed(account), [INBOX, "INBOX/kid"])

    async def test_subscriptions_are_names_that_need_not_exist(self) -> None:
        account = await self.make_account()
        await account.create("Work")
        for name in ("Work", "Gone/away", "inbox", "a.b", "Entwürfe"):
            await account.subscribe(name, True)
            await account.subscribe(name, True)
        await account.subscribe("a.b", False)
        await account.subscribe("Never", False)
        found = [(one.name, one.selectable) for one in await account.mailboxes() if one.subscribed]
        expected = [(INBOX, True), ("Entwürfe", False), ("Gone/away", False), ("Work", True)]
        self.assertEqual(found, expected)
        await account.delete("Work")
        self.assertIn("Work", await self.listed(account))
        await account.subscribe("Work", False)
        self.assertNotIn("Work", await self.listed(account))

    async def test_special_uses_are_kept_through_a_rename(self) -> None:
        account = await self.make_account()
        await account.create("Gesendet", "\\sent")
        await account.create("Plain")
        await account.rename("Gesendet", "Sent/2024")
        uses = {one.name: one.special_use for one in await account.mailboxes()}
        self.assertEqual(uses, {INBOX: None, "Plain": None, "Sent": None, "Sent/2024": "\\Sent"})
        with self.assertRaises(CannotDo):
            await account.create("Other", "\\Nonsense")
        await account.delete("Sent/2024")
        await account.create("Sent/2024")
        self.assertNotIn("\\Sent", [one.special_use for one in await account.mailboxes()])

    async def test_impossible_names_are_refused_everywhere(self) -> None:
        account = await self.make_account()
        for name in NEVER:
            for work in (
                account.create(name),
                account.open(name),
                account.status(name),
                account.delete(name),
                account.rename("Work", name),
                account.rename(name, "Work"),
                account.subscribe(name, True),
                account.upload(name).commit(),
            ):
                with self.assertRaises(Trouble, msg=ascii(name)):
                    await work
        self.assertEqual(await self.listed(account), [INBOX])

    async def test_wildcards_cannot_be_in_a_new_name(self) -> None:
        account = await self.make_account()
        await account.create("Work")
        for name in ("%", "*", "a*b", "a/%"):
            with self.assertRaises(CannotDo):
                await account.create(name)
            with self.assertRaises(CannotDo):
                await account.rename("Work", name)

    async def test_there_is_an_end_to_how_many_there_can_be(self) -> None:
        account = await self.make_account()
        self.patch(names, "MOST", 4)
        for name in ("a", "b/c"):
            await account.create(name)
        with self.assertRaises(LimitReached):
            await account.create("d")
        for name in ("w", "x", "y", "z", "z"):
            await account.subscribe(name, True)
        with self.assertRaises(CannotDo):
            await account.subscribe("too many", True)
        await account.delete("a")
        await account.create("d")

    async def test_hostile_names_are_mailboxes_of_their_own_or_refused(self) -> None:
        account = await self.make_account()
        made = []
        for name in HOSTILE:
            try:
                await account.create(name)
            except MailboxExists:
                self.assertIn(name, await self.listed(account))  # made above another one
            except CannotDo:
                continue
            made.append(name)
        for name in made:
            await self.put(account, name, name.encode())
        self.assertLessEqual(set(made), set(await self.listed(account)))
        for name in made:
            mailbox = await account.open(name)
            (entry,) = mailbox.entries()
            content = await mailbox.open(entry.uid)
            self.assertEqual((mailbox.name, await content.read(0, 1000)), (name, name.encode()))
            content.close()
        for name in made:
            await account.delete(name)
        self.assertEqual([one.name for one in await account.mailboxes() if one.selectable][0], INBOX)
