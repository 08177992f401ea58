"""`mailtwist ban`."""

import json

from twisted.internet import reactor
from twisted.internet.task import deferLater

from mailtwist.app.cli.ban import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.auth.api import Source, TooManyAttempts
from mailtwist.auth.limits import Attempt, Limits, the_limits
from mailtwist.auth.spent import FOR
from mailtwist.state.process import durable
from tests.app.cli.inside import InsideCase

DAY = 86400


class BanTests(InsideCase):
    """With a process that serves at the same time: what commands change counts there at once."""

    async def begin(self) -> Limits:
        _, out, _ = await self.said(
            user_command, user_work, "add", "ann", "--password-stdin", stdin=b"secret"
        )
        running = self.assembled()
        limits = running.one(the_limits)
        directory = running.part("directory", "people")
        await running.start()
        self.addCleanup(running.stop)
        self.account = (await directory.find("ann@example.org")).account
        self.running = running
        return limits

    async def ban(self, *argv: str) -> tuple[int, str, str]:
        """What the command says; then the server has had the time to see it."""
        said = await self.said(command, work, *argv)
        await deferLater(reactor, FOR)  # type: ignore[arg-type]
        return said

    async def kept_out(self, limits: Limits, account: str, address: str, wanted: bool = True) -> float:
        """For how many seconds; the server looks four times a second."""
        for _ in range(40):
            retry = 0.0
            try:
                await limits.let_in(account, address)
            except TooManyAttempts as banned:
                retry = banned.retry
            if bool(retry) is wanted:
                return retry
            await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        self.fail(f"it did not hear that {account} {address} is to be kept out: {wanted}")

    async def rows(self) -> list[dict[str, str]]:
        listed: list[dict[str, str]] = json.loads((await self.ban("list", "--json"))[1])
        return listed

    async def lock(self, limits: Limits, address: str, times: int = 10, **more: object) -> str:
        """The bucket that was used up."""
        about = {"source": Source.UNTRUSTED, "account": self.account, "known": True, "kind": "totp", **more}
        try:
            for _ in range(times):
                attempt = Attempt(address=address, password=b"", login="ann@example.org", **about)  # type: ignore[arg-type]
                await (await limits.admitted(attempt)).failed()
        except TooManyAttempts as denied:
            return denied.bucket
        return ""

    async def test_nobody(self) -> None:
        await self.begin()
        self.assertEqual((await self.ban("list"))[1], "nobody is kept out\n")
        self.assertEqual(await self.rows(), [])

    async def test_an_account_is_kept_out_and_let_in_again_in_the_server_that_runs(self) -> None:
        limits = await self.begin()
        await limits.let_in(self.account, "192.0.2.7")
        status, out, _ = await self.ban("add", "Ann", "--for", "2h", "--reason", "phished \x1b[2J")
        self.assertEqual(status, 0)
        self.assertIn("ann@example.org", out)
        await self.kept_out(limits, self.account, "192.0.2.7")
        _, table, _ = await self.ban("list")
        self.assertIn("account ann@example.org", table)
        self.assertNotIn("\x1b", table)
        (row,) = await self.rows()
        self.assertEqual((row["subject"], row["name"]), (f"account {self.account}", "ann@example.org"))
        self.assertNotIn(row["by"], ("", "limits"))
        self.assertIn("lifted: account ann@example.org", (await self.ban("lift", "ann"))[1])
        await self.kept_out(limits, self.account, "192.0.2.7", False)

    async def test_a_network_is_kept_out_for_as_long_as_is_said(self) -> None:
        limits = await self.begin()
        before = self.running.clock.now()
        await self.ban("add", "192.0.2.0/24", "--for", "7 d")
        self.assertGreater(await self.kept_out(limits, "", "192.0.2.7"), 7 * DAY - 60)
        (ban,) = await durable(self.running).bans()  # type: ignore[arg-type]
        self.assertGreaterEqual(ban.until, before + 7 * DAY)
        _, out, _ = await self.ban("lift", "192.0.2.7")
        self.assertIn("still kept out with all of it: network 192.0.2.0/24", out)
        await self.ban("lift", "192.0.2.0/24")
        await self.kept_out(limits, "", "192.0.2.7", False)

    async def test_spellings_of_networks(self) -> None:
        await self.begin()
        for text, subject in (
            ("192.0.2.7", "address 192.0.2.7/32"),
            ("::ffff:192.0.2.7", "address 192.0.2.7/32"),
            ("::ffff:192.0.2.0/120", "network 192.0.2.0/24"),
            ("2001:db8::7", "address 2001:db8::/64"),
            ("2001:db8::/32", "network 2001:db8::/32"),
        ):
            told = json.loads((await self.ban("add", text, "--json"))[1])
            self.assertEqual(told["subject"], subject)

    async def test_what_the_limits_did_is_listed_and_lifted(self) -> None:
        """f9.2: and a lock ends."""
        limits = await self.begin()
        self.assertEqual(await self.lock(limits, "192.0.2.7"), "account_address")
        (row,) = await self.rows()
        self.assertEqual(
            (row["whom"], row["by"], row["reason"]),
            ("account ann@example.org from 192.0.2.7/32", "limits", "account_address"),
        )
        self.assertEqual(await self.lock(limits, "192.0.2.7", 1), "account_address")
        await self.ban("lift", row["whom"])
        self.assertEqual(await self.rows(), [])
        self.assertEqual(await self.lock(limits, "192.0.2.7", 6), "")

    async def test_all_that_is_counted_about_an_account_is_forgotten(self) -> None:
        limits = await self.begin()
        for source, kind in (
            (Source.UNTRUSTED, "totp"),
            (Source.KNOWN, "totp"),
            (Source.UNTRUSTED, "recovery"),
            (Source.KNOWN, "device-code"),
        ):
            count = 0
            while count < 400 and not await self.lock(limits, "", 1, source=source, kind=kind):
                count += 1
            self.assertIn(count, (20, 30, 100, 300))
            self.assertIn("lifted: account ann@example.org", (await self.ban("lift", "ann"))[1])
            self.assertEqual(await self.lock(limits, "", count, source=source, kind=kind), "")

    async def test_all_that_is_counted_about_an_address_is_forgotten_with_its_network(self) -> None:
        limits = await self.begin()
        for number in range(30):
            address = f"192.0.2.{7 + number // 16}"
            self.assertEqual(await self.lock(limits, address, 1, account=f"a{number}"), "")
        self.assertEqual(await self.lock(limits, "192.0.2.8", 1, account="b"), "network")
        for number in range(4):
            self.assertEqual(await self.lock(limits, "192.0.2.7", 1, account=f"a{number}"), "")
        self.assertEqual(await self.lock(limits, "192.0.2.7", 1, account="a1"), "address")
        self.assertEqual(len(await self.rows()), 2)
        await self.ban("lift", "192.0.2.7")
        (row,) = await self.rows()
        self.assertEqual(row["subject"], "network 192.0.2.0/24")
        await self.ban("lift", "192.0.0.0/16")
        self.assertEqual(await self.rows(), [])
        self.assertEqual(await self.lock(limits, "192.0.2.7", 1, account="b"), "")

    async def test_everything_is_lifted_at_once(self) -> None:
        limits = await self.begin()
        await self.ban("add", "ann")
        await self.ban("add", "198.51.100.0/24")
        await self.lock(limits, "192.0.2.7")
        told = json.loads((await self.ban("lift", "--all", "--json"))[1])
        self.assertEqual(len(told["subjects"]), 3)
        self.assertEqual(await self.rows(), [])

    async def test_a_name_that_nobody_has_is_lifted_as_it_stands_in_the_list(self) -> None:
        limits = await self.begin()
        await self.lock(limits, "192.0.2.7", account="?ab12")
        (row,) = await self.rows()
        self.assertEqual(row["whom"], "account ?ab12 from 192.0.2.7/32")
        await self.ban("lift", "account ?ab12 from 192.0.2.7/32")
        self.assertEqual(await self.rows(), [])

    async def test_lifting_what_is_not_there_is_done(self) -> None:
        await self.begin()
        status, out, _ = await self.ban("lift", "192.0.2.7", "ann")
        self.assertEqual((status, out), (0, "lifted: nothing; what was counted is forgotten\n"))

    async def test_what_cannot_be_meant_is_a_sentence(self) -> None:
        await self.begin()
        for argv, words in (
            (("add", "192.0.2.7/24"), "is not a network"),
            (("add", "nobody"), "there is nobody called"),
            (("lift", "nobody"), "there is nobody called"),
            (("lift",), "say who, or --all"),
            (("lift", "ann", "--all"), "say who, or --all"),
        ):
            status, _, errors = await self.ban(*argv)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        for time in ("0", "soon", "5 m"):
            with self.assertRaises(SystemExit):
                await self.ban("add", "ann", "--for", time)
        self.assertEqual(await self.rows(), [])

    async def test_another_ban_of_the_same_takes_the_place_of_the_first(self) -> None:
        limits = await self.begin()
        await self.ban("add", "ann", "--for", "9 d")
        await self.ban("add", "ann", "--for", "1 h", "--reason", "less")
        (row,) = await self.rows()
        self.assertEqual(row["reason"], "less")
        self.assertLess(await self.kept_out(limits, self.account, ""), 3601)
