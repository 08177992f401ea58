"""`mailtwist policy`."""

import json
from dataclasses import replace
from typing import Any

from mailtwist.app.cli.policy import command, work
from mailtwist.app.cli.user import command as user
from mailtwist.app.cli.user import work as user_work
from mailtwist.state.process import durable
from mailtwist.testing.durable import a_login
from tests.app.cli.inside import INI, InsideCase

RULES = """\
[policy:office]
factor = required
groups = office
[policy:look]
factor = report-only
protocols = pop3
[policy:all]
factor = required
from = 2999-01-31
"""


class PolicyReportTests(InsideCase):
    ini = INI.replace("[login]\n", "[login]\nfactor = optional\n") + RULES

    async def report(self, *argv: str) -> str:
        status, told, errors = await self.said(command, work, "report", *argv)
        self.assertEqual((status, errors), (0, ""))
        return told

    async def had(self, *names: str, **logins: Any) -> dict[str, str]:
        """The account ids of these people, who are new."""
        for name in names:
            await self.said(user, user_work, "add", name, "--password-stdin", stdin=b"secret\n")
        _, told, _ = await self.said(user, user_work, "list", "--json")
        return {person["name"].partition("@")[0]: person["account"] for person in json.loads(told)}

    async def logged_in(self, account: str, name: str, **facts: Any) -> None:
        assembled = self.assembled()
        state = durable(assembled)  # type: ignore[arg-type]
        await assembled.start()
        now = assembled.clock.now() - facts.pop("ago", 60)
        login = f"{account}{len(facts)}{now}"
        record = replace(a_login(login, account, now), name=f"{name}@example.org", how="password")
        await state.add_history([replace(record, **{"device": "", **facts})])
        await assembled.stop()

    async def test_who_would_fail_and_where(self) -> None:
        accounts = await self.had("ann", "bob", "eve")
        await self.said(user, user_work, "group", "add", "bob", "office")
        await self.logged_in(accounts["ann"], "ann", client="Thunderbird", count=3)
        await self.logged_in(accounts["ann"], "ann", client="Thunderbird", ago=7200, count=4)
        await self.logged_in(accounts["ann"], "ann", protocol="pop3", client="fetchmail")
        await self.logged_in(accounts["bob"], "bob")
        await self.logged_in(accounts["eve"], "eve", how="code", reason="")
        await self.logged_in(accounts["eve"], "eve", outcome="refused", reason="wrong-password")
        told = json.loads(await self.report("--json"))
        rows = {(row["name"], row["protocol"]): row for row in told["would_fail"]}
        self.assertEqual(len(told["would_fail"]), 3)
        ann = rows["ann@example.org", "imap"]
        self.assertEqual((ann["rule"], ann["from"], ann["logins"]), ("policy:all", "2999-01-31", 7))
        self.assertEqual((ann["client"], ann["address"]), ("Thunderbird", "192.0.2.7"))
        self.assertEqual(rows["ann@example.org", "pop3"]["rule"], "policy:look")
        self.assertEqual(rows["bob@example.org", "imap"]["rule"], "policy:office")
        without = [(row["name"], row["rule"]) for row in told["not_enrolled"]]
        self.assertEqual(
            without,
            [
                ("ann@example.org", "policy:all"),
                ("bob@example.org", "policy:office"),
                ("eve@example.org", "policy:all"),
            ],
        )

    async def test_who_has_enrolled_and_still_sends_the_bare_password(self) -> None:
        accounts = await self.had("ann")
        await self.logged_in(accounts["ann"], "ann")
        assembled = self.assembled()
        state = durable(assembled)  # type: ignore[arg-type]
        await assembled.start()
        await state.set_enrolled(accounts["ann"], True)
        await assembled.stop()
        told = json.loads(await self.report("--json"))
        self.assertEqual([row["rule"] for row in told["would_fail"]], ["enrolled"])
        self.assertEqual(told["not_enrolled"], [])

    async def test_a_table_for_people(self) -> None:
        self.assertEqual(
            await self.report(),
            "nobody whom the rules would keep out logged in in 30 days\n\n"
            "everybody who can be listed has enrolled\n",
        )
        accounts = await self.had("ann")
        await self.logged_in(accounts["ann"], "ann", client="\x1b[31mevil")
        lines = (await self.report()).splitlines()
        heads = ["name", "rule", "from", "protocol", "client", "address", "last", "logins"]
        self.assertEqual(lines[0].split(), heads)
        self.assertIn("\\x1b[31mevil", lines[1])
        self.assertEqual(lines[4].split(), ["ann@example.org", "policy:all", "2999-01-31"])

    async def test_only_so_many_days_and_people_who_are_still_here(self) -> None:
        accounts = await self.had("ann", "bob")
        await self.logged_in(accounts["ann"], "ann", ago=3 * 86400)
        await self.logged_in("another account", "bob")
        await self.logged_in("gone", "gone")
        self.assertEqual(len(json.loads(await self.report("--json"))["would_fail"]), 1)
        self.assertEqual(json.loads(await self.report("--json", "--days", "2"))["would_fail"], [])
