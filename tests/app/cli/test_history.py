"""`mailtwist history` and `mailtwist explain`."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli.explain import BLOCK
from mailtwist.app.cli.explain import command as explain_command
from mailtwist.app.cli.explain import work as explain_work
from mailtwist.app.cli.history import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.decision import the_decision
from mailtwist.auth.history import STRANGERS
from mailtwist.state.process import durable
from mailtwist.state.records import LoginRecord
from mailtwist.testing.durable import a_login
from tests.app.cli.inside import INI, InsideCase

DAY = 86400.0


class Kept(InsideCase):
    """Ann has an account; `keep` puts records into the history."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        added = await self.said(
            user_command, user_work, "add", "ann", "--password-stdin", "--json", stdin=b"secret"
        )
        self.account = json.loads(added[1])["account"]

    async def running(self) -> Assembled:
        running = self.assembled()
        running.one(the_decision)
        await running.start()
        self.addCleanup(running.stop)
        return running

    async def keep(self, *records: LoginRecord) -> None:
        state = (await self.running()).one(durable)
        await state.add_history([replace(record, last=record.at) for record in records])

    def login(self, login: str, ago: float = 60, **facts: Any) -> LoginRecord:
        facts.setdefault("account", self.account)
        return replace(a_login(login, at=time.time() - ago), **facts)


class HistoryTests(Kept):
    async def history(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(command, work, *argv)

    async def test_who_came_is_told_the_newest_first(self) -> None:
        await self.keep(
            self.login("l1", 3600, outcome="refused", reason="wrong-code", how="", count=7),
            self.login("l2", 60),
            self.login("l3", 60, account="somebody else"),
        )
        status, table, _ = await self.history("ann")
        self.assertEqual(status, 0)
        head, new, old = table.splitlines()
        self.assertEqual(head.split()[:4], ["time", "outcome", "why", "count"])
        self.assertIn("ok", new)
        self.assertRegex(old, r"refused +wrong-code +7 +imap +192\.0\.2\.7 +mutt +d1 +l1")

    async def test_as_json(self) -> None:
        await self.keep(self.login("l1"))
        (row,) = json.loads((await self.history("ann", "--json"))[1])
        wanted = {
            "outcome": "ok",
            "why": "device",
            "count": 1,
            "address": "192.0.2.7",
            "login": "l1",
            "tls": True,
        }
        self.assertLessEqual(wanted.items(), row.items())

    async def test_days(self) -> None:
        await self.keep(self.login("l1", 3 * DAY), self.login("l2", 10))
        rows = json.loads((await self.history("ann", "--days", "2", "--json"))[1])
        self.assertEqual([row["login"] for row in rows], ["l2"])
        for days in ("0", "31", "x", "-1", "9" * 5000):
            with self.assertRaises(SystemExit):
                await self.history("ann", "--days", days)

    async def test_nobody_came(self) -> None:
        self.assertEqual((await self.history("ann"))[1], "nobody logged in, or tried to\n")

    async def test_names_that_nobody_has(self) -> None:
        await self.keep(self.login("l1", account=STRANGERS, name="x@example.org", reason="unknown"))
        self.assertIn("l1", (await self.history(STRANGERS))[1])
        self.assertEqual((await self.history("nobody"))[0], 1)

    async def test_what_clients_send_is_not_for_the_terminal(self) -> None:
        await self.keep(self.login("l1", client="mutt \x1b[2J\n"))
        self.assertNotIn("\x1b", (await self.history("ann"))[1])

    async def test_a_login_is_there_a_moment_later(self) -> None:
        running = await self.running()
        request = LoginRequest("imap", b"ann", b"no code", "192.0.2.7", tls=True, client="mutt")
        with self.assertRaises(LoginRefused):
            await running.one(the_decision).decide(request)
        await running.stop()
        (row,) = json.loads((await self.history("ann", "--json"))[1])
        self.assertEqual((row["why"], row["client"]), ("no-code", "mutt"))


class ExplainTests(Kept):
    ini = INI + "[audit]\npath = audit.json\n"

    async def explain(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(explain_command, explain_work, *argv)

    async def test_a_login_of_the_history(self) -> None:
        await self.keep(self.login("l1", outcome="refused", reason="wrong-code", how=""))
        status, told, _ = await self.explain("l1")
        self.assertEqual(status, 0)
        self.assertIn("* Refused: The code was not right", told)
        self.assertIn("192.0.2.7", told)
        told = json.loads((await self.explain("l1", "--json"))[1])
        self.assertEqual(told["login"], "l1")
        self.assertEqual(set(told["steps"][0]), {"words", "settings"})

    async def test_a_reason(self) -> None:
        status, told, _ = await self.explain("other-network")
        self.assertEqual(status, 0)
        self.assertIn("never used from this network", told)
        self.assertIsNone(json.loads((await self.explain("other-network", "--json"))[1])["login"])

    async def test_one_of_many_that_are_alike_is_found_in_the_file(self) -> None:
        running = await self.running()
        decision = running.one(the_decision)
        for _ in range(3):
            request = LoginRequest("imap", b"ann", b"no code", "192.0.2.7", tls=True, service="imaps")
            with self.assertRaises(LoginRefused):
                await decision.decide(request)
        await running.stop()
        logins = [json.loads(line)["login"] for line in (self.folder / "audit.json").read_text().splitlines()]
        told = [(await self.explain(login))[1] for login in logins]
        self.assertEqual([("no code in it" in one, "imaps" in one) for one in told], [(True, True)] * 3)
        self.assertIn("The same happened 3 times", told[0])

    async def test_a_login_that_is_not_there(self) -> None:
        status, told, error = await self.explain("f7m1z5t4c6bd")
        self.assertEqual((status, told), (1, ""))
        self.assertIn("there is no login", error)
        self.assertIn("mailtwist history NAME", error)
        _, _, error = await self.explain("wrong-cod")
        self.assertIn('did you mean "wrong-code"?', error)

    async def test_octets_that_are_no_text_are_no_login(self) -> None:
        status, told, error = await self.explain("\udcff")
        self.assertEqual((status, told), (1, ""))
        self.assertIn("there is no login", error)

    async def test_a_file_with_anything_in_it(self) -> None:
        path = Path(self.folder / "audit.json")
        whole = {
            "login": "l7",
            "time": "2027-01-15T08:00:00.125Z",
            "user": "ann",
            "account": "a",
            "network": "-",
        }
        whole |= {
            "protocol": "imap",
            "address": "192.0.2.7",
            "tls": True,
            "client": "",
            "device": "",
            "how": "",
        }
        whole |= {"outcome": "refused", "reason": "wrong-code", "seconds": 1, "would_fail": ""}
        more = {
            key: "" for key in ("service", "factor", "source", "bucket", "retry", "rule", "counted", "detail")
        }
        line = json.dumps(whole | more).encode()
        other = json.dumps({"client": "l7", "login": "l8"}).encode()
        junk = [b"\xff\x00", b'"l7"', b'{"login": "l7"}', b"", b"[" * 5000, other, b"x" * (BLOCK + 17)]
        for content in (b"\n".join([*junk, line, *junk]), b"\n".join([line, b"y" * 3 * BLOCK])):
            path.write_bytes(content)
            self.assertEqual((await self.explain("l7"))[0], 0)
        path.write_bytes(b"")
        self.assertEqual((await self.explain("l7"))[0], 1)
