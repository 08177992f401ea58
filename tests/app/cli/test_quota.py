"""`mailtwist user quota`."""

import json

from mailtwist.app.cli.user import command, work
from mailtwist.store.api import INBOX, OverQuota
from mailtwist.testing.messages import put
from tests.app.cli.inside import INI, InsideCase

MAILDIR = INI + "[store:mail]\ntype = maildir\nmailboxes = Sent\nquota = 1 MiB\n"


class QuotaTests(InsideCase):
    ini = MAILDIR

    async def user(self, *argv: str, stdin: bytes = b"") -> tuple[int, str, str]:
        return await self.said(command, work, *argv, stdin=stdin)

    async def added(self) -> None:
        await self.user("add", "ann", "--password-stdin", stdin=b"secret\n")

    async def quota(self, *argv: str) -> str:
        status, out, errors = await self.user("quota", "ann", *argv)
        self.assertEqual((status, errors), (0, ""))
        return out

    async def test_a_quota_is_told_set_and_taken_back(self) -> None:
        await self.added()
        for argv, told in (
            ((), "0 B of 1 MiB (default), 0 of no limit (default) messages"),
            (("5 GiB",), "0 B of 5 GiB, 0 of no limit (default) messages"),
            (("--messages", "1000"), "0 B of 5 GiB, 0 of 1000 messages"),
            (("none",), "0 B of no limit, 0 of 1000 messages"),
            ((), "0 B of no limit, 0 of 1000 messages"),
            (("default", "--messages", "none"), "0 B of 1 MiB (default), 0 of no limit messages"),
        ):
            self.assertEqual(await self.quota(*argv), f"ann@example.org: {told}\n")
        self.assertEqual(
            json.loads(await self.quota("1500", "--json")),
            {
                "name": "ann@example.org",
                "octets": 0,
                "used": "0 B",
                "messages": 0,
                "octets_limit": 1500,
                "messages_limit": None,
                "quota": "1.5 KiB",
                "quota_messages": "no limit",
            },
        )

    async def test_it_counts_at_once_in_a_process_that_runs(self) -> None:
        await self.added()
        running = self.assembled()
        directory, store = running.part("directory", "people"), running.part("store", "mail")
        await running.start()
        self.addCleanup(running.stop)
        account = await store.account((await directory.find("ann@example.org")).account)
        await put(account, b"x" * 1000)
        await self.quota("1500")
        with self.assertRaises(OverQuota):
            await put(account, b"x" * 1000)
        self.assertIn("1000 B of 1.5 KiB, 1 of", await self.quota())
        await self.quota("2000")
        await put(account, b"x" * 1000)
        self.assertEqual((await account.status(INBOX)).messages, 2)

    async def test_what_is_no_quota_is_told(self) -> None:
        await self.added()
        for argv, words in (
            (("much",), '"much" is not a size'),
            (("0",), '"0" leaves room for nothing'),
            (("--messages", "1e3"), '"1e3" is not a number of messages'),
            (("--store", "other"), "no section [store:other]"),
        ):
            status, _, errors = await self.user("quota", "ann", *argv)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        status, _, errors = await self.user("quota", "nobody", "1 GiB")
        self.assertEqual((status, errors), (1, 'mailtwist: there is nobody called "nobody@example.org"\n'))
        self.assertIn("1 MiB (default)", await self.quota())


class NoStoreTests(InsideCase):
    async def test_without_a_store_there_is_no_quota(self) -> None:
        status, _, errors = await self.said(command, work, "quota", "ann", "1 GiB")
        self.assertEqual(status, 1)
        self.assertIn("[store:mail]", errors)
