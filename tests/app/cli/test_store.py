"""`mailtwist store`."""

import errno
import json
from pathlib import Path
from typing import Any

from mailtwist.app.cli import store as words
from mailtwist.app.cli.store import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.kit.files import disk_trouble
from mailtwist.store.api import INBOX
from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.messages import put
from tests.app.cli.inside import INI, InsideCase

MAILDIR = INI + "[store:mail]\ntype = maildir\nmailboxes = Sent\nquota = 1 MiB\n"


class StoreTests(InsideCase):
    ini = MAILDIR

    async def store(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(command, work, *argv)

    async def filled(self, *names: str) -> None:
        for name in names:
            await self.said(user_command, user_work, "add", name, "--password-stdin", stdin=b"secret\n")
        assembled = self.assembled()
        directory, store = assembled.part("directory", "people"), assembled.part("store", "mail")
        await assembled.start()
        for name in names:
            person = await directory.find(f"{name}@example.org")
            account = await store.account(person.account)
            for number in range(3):
                await put(account, b"Subject: %d\r\n" % number, INBOX)
        await assembled.stop()

    def inbox(self, number: int = 0) -> list[Path]:
        """The messages of one account."""
        accounts = sorted((self.folder / "state" / "mail").iterdir())
        return sorted((accounts[number] / "cur").iterdir())

    async def test_who_has_how_much(self) -> None:
        await self.filled("ann", "bob")
        _, table, _ = await self.store("usage")
        self.assertEqual(
            [line.split() for line in table.splitlines()],
            [
                ["name", "used", "quota", "messages", "quota_messages"],
                ["ann@example.org", "36", "B", "1", "MiB", "(default)", "3", "no", "limit", "(default)"],
                ["bob@example.org", "36", "B", "1", "MiB", "(default)", "3", "no", "limit", "(default)"],
            ],
        )
        _, told, _ = await self.store("usage", "bob", "--json")
        (row,) = json.loads(told)
        self.assertEqual((row["name"], row["octets"], row["octets_limit"]), ("bob@example.org", 36, 1 << 20))

    async def test_where_all_is_well_it_says_so(self) -> None:
        await self.filled("ann", "bob")
        self.assertEqual(await self.store("verify"), (0, "2 accounts: 0 problems\n", ""))
        self.assertEqual(await self.store("fsck", "ann"), (0, "1 account: 0 problems\n", ""))
        status, told, _ = await self.store("reindex")
        self.assertEqual(status, 0)
        self.assertEqual(
            sorted(told.splitlines()), ["ann@example.org: 3 messages", "bob@example.org: 3 messages"]
        )
        self.assertEqual(json.loads((await self.store("reindex", "ann", "--json"))[1])[0]["messages"], 3)

    async def test_what_is_wrong_is_a_sentence_and_a_status(self) -> None:
        await self.filled("ann")
        cut, *_ = self.inbox()
        cut.write_bytes(b"Sub")
        status, told, _ = await self.store("verify", "ann")
        self.assertEqual(status, 1)
        self.assertRegex(told, "^ann@example.org: cur/.* it has 3 octets, and had 12 ")
        self.assertIn("(fsck: takes it in as a new message, with a UID of its own)", told)
        self.assertTrue(told.endswith("1 account: 1 problem\n"))
        _, listed, _ = await self.store("verify", "--json")
        (row,) = json.loads(listed)
        self.assertEqual((row["kind"], row["note"], row["mended"]), ("size", False, False))
        status, told, _ = await self.store("fsck")
        self.assertEqual(status, 0)
        self.assertIn("(done: takes it in", told)
        self.assertIn("0 problems, 1 mended", told)
        self.assertEqual((await self.store("verify"))[0], 0)

    async def test_what_cannot_be_mended_is_told_too(self) -> None:
        await self.filled("ann")
        (self.inbox()[0].parents[1] / "mailtwist-quota").write_bytes(b"much\n")
        status, told, _ = await self.store("fsck")
        self.assertEqual(status, 1)
        self.assertIn("mailtwist-quota: there are lines in it that mean nothing", told)

    async def test_an_account_that_cannot_be_mended_keeps_no_other_from_it(self) -> None:
        await self.filled("ann", "bob")
        self.inbox(1)[0].unlink()
        fsck = MaildirStore.fsck
        calls: list[str] = []

        async def full(store: MaildirStore, kept: str, **more: Any) -> Any:
            calls.append(kept)
            if len(calls) == 1:
                raise disk_trouble(OSError(errno.ENOSPC, "No space left on device"))
            return await fsck(store, kept, **more)

        self.patch(MaildirStore, "fsck", full)
        status, told, _ = await self.store("fsck")
        self.assertEqual(status, 1)
        self.assertIn(": [Errno 28] No space left on device\n", told)
        self.assertEqual(len(calls), 2)
        self.assertIn("(done: takes it out of the index)\n2 accounts: 1 problem, 1 mended\n", told)

    async def test_accounts_that_nobody_has_any_more_are_looked_over_too(self) -> None:
        await self.filled("ann")
        await self.said(user_command, user_work, "remove", "ann")
        status, told, _ = await self.store("verify")
        self.assertEqual((status, told), (0, "1 account: 0 problems\n"))
        status, _, errors = await self.store("verify", "ann")
        self.assertEqual((status, errors), (1, 'mailtwist: there is nobody called "ann@example.org"\n'))

    async def test_progress_is_for_terminals(self) -> None:
        shown: list[Any] = []

        class Terminal:
            def isatty(self) -> bool:
                return True

            def write(self, text: str) -> None:
                shown.append(text)

            def flush(self) -> None: ...

        self.patch(words.sys, "stderr", Terminal())
        with words._Shown("ann") as progress:
            progress("x", 1000, 200_000)
            progress("x", 0, 0)
        self.assertEqual("".join(shown), "\r\x1b[Kann: 1000 of 200000\r\x1b[Kann: ...\r\x1b[K")


class MemoryTests(InsideCase):
    ini = INI + "[store:mail]\ntype = memory\n"

    async def test_a_store_in_memory_has_nothing_to_look_over(self) -> None:
        status, _, errors = await self.said(command, work, "verify")
        self.assertEqual((status, errors), (1, "mailtwist: this store keeps nothing that could be wrong\n"))
