"""`mailtwist device`."""

import json
import time

import pyotp

from mailtwist.app.cli.device import command, work
from mailtwist.app.cli.otp import command as otp_command
from mailtwist.app.cli.otp import work as otp_work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest
from mailtwist.auth.decision import Decision, the_decision
from tests.app.cli.inside import InsideCase


class DeviceTests(InsideCase):
    """With a process that serves at the same time: what commands change counts there at once."""

    async def begin(self) -> Decision:
        await self.said(user_command, user_work, "add", "ann", "--password-stdin", stdin=b"secret")
        _, told, _ = await self.said(otp_command, otp_work, "enroll", "ann", "--json")
        self.totp = pyotp.TOTP(json.loads(told)["secret"])
        before = self.totp.at(int(time.time()) - 30)
        self.assertEqual((await self.said(otp_command, otp_work, "confirm", "ann", before))[0], 0)
        running = self.assembled()
        decision = running.one(the_decision)
        await running.start()
        self.addCleanup(running.stop)
        self.decision = decision
        self.string = f"secret@{self.totp.at(int(time.time()))}".encode()
        return decision

    async def login(self, client: str = "mutt") -> Accepted:
        return await self.decision.decide(
            LoginRequest("imap", b"ann", self.string, "192.0.2.7", tls=True, client=client)
        )

    async def device(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(command, work, *argv)

    async def test_a_saved_string_is_listed(self) -> None:
        await self.begin()
        self.assertEqual((await self.device("list", "ann"))[1], "nothing is remembered for ann@example.org\n")
        accepted = await self.login("mutt \x1b[2J")
        _, table, _ = await self.device("list", "ann")
        self.assertIn(accepted.device, table)
        self.assertIn("192.0.2.0/24", table)
        self.assertNotIn("\x1b", table)
        (row,) = json.loads((await self.device("list", "ann", "--json"))[1])
        self.assertEqual((row["id"], row["state"], row["client"]), (accepted.device, "active", "mutt ?[2J"))

    async def test_a_shorter_life_is_seen_in_the_list_and_all_can_be_revoked(self) -> None:
        await self.begin()
        accepted = await self.login()
        self.path.write_text(self.ini.replace("[login]\n", "[login]\nremember = 0\n"))
        self.assertIn("nothing is remembered", (await self.device("list", "ann"))[1])
        self.assertEqual((await self.device("revoke", "ann", accepted.device))[0], 0)

    async def test_a_revoked_string_does_not_get_in_any_more(self) -> None:
        await self.begin()
        accepted = await self.login()
        self.assertEqual((await self.login()).device, accepted.device)
        status, out, _ = await self.device("revoke", "ann", accepted.device)
        self.assertEqual((status, out), (0, "revoked: 1\n"))
        with self.assertRaises(LoginRefused) as refused:
            await self.login()
        self.assertEqual(refused.exception.reason, "revoked-device")
        self.assertEqual((await self.device("list", "ann"))[1], "nothing is remembered for ann@example.org\n")
        (row,) = json.loads((await self.device("list", "ann", "--all", "--json"))[1])
        self.assertEqual(row["state"], "revoked")

    async def test_all_can_be_revoked(self) -> None:
        await self.begin()
        await self.login()
        told = json.loads((await self.device("revoke", "ann", "--all", "--json"))[1])
        self.assertEqual(len(told["devices"]), 1)
        with self.assertRaises(LoginRefused):
            await self.login()

    async def test_one_that_is_not_there_stops_the_whole_command(self) -> None:
        await self.begin()
        accepted = await self.login()
        for argv, words in (
            ((accepted.device, "nothing"), "there is no living device nothing; nothing was revoked"),
            ((), "say which devices, or --all"),
            ((accepted.device, "--all"), "say which devices, or --all"),
        ):
            status, _, errors = await self.device("revoke", "ann", *argv)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        await self.login()

    async def test_who_is_removed_is_out_at_once(self) -> None:
        await self.begin()
        await self.login()
        await self.said(user_command, user_work, "remove", "ann")
        with self.assertRaises(LoginRefused) as refused:
            await self.login()
        self.assertEqual(refused.exception.reason, "unknown")

    async def test_a_device_gets_a_name(self) -> None:
        await self.begin()
        accepted = await self.login()
        status, out, _ = await self.device("label", "ann", accepted.device, "my phone")
        self.assertEqual((status, out), (0, f"{accepted.device}: my phone\n"))
        self.assertIn("my phone", (await self.device("list", "ann"))[1])
        self.assertEqual(
            json.loads((await self.device("label", "ann", accepted.device, "", "--json"))[1])["label"], ""
        )
        for id, label, words in (
            ("nothing", "x", "there is no device nothing"),
            (accepted.device, "a\nb", "one line"),
        ):
            status, _, errors = await self.device("label", "ann", id, label)
            self.assertEqual((status, words in errors), (1, True))

    async def test_a_list_says_where_and_how_long_it_works(self) -> None:
        await self.begin()
        await self.login()
        (row,) = json.loads((await self.device("list", "ann", "--json"))[1])
        self.assertEqual(
            (row["kind"], row["context"], row["protocols"]), ("code-string", "standard", ["all"])
        )
        table = (await self.device("list", "ann"))[1].splitlines()[0]
        for column in (
            "state",
            "context",
            "kind",
            "label",
            "protocols",
            "last_used",
            "last_address",
            "expires",
        ):
            self.assertIn(column, table)
