"""`mailtwist alias`."""

import json

from mailtwist.app.cli import user
from mailtwist.app.cli.alias import command, work
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from tests.app.cli.inside import INI, InsideCase

TARGET = "[store:memory]\n[target:mailbox]\nstore = memory\n"


class AliasTests(InsideCase):
    ini = INI + TARGET

    async def alias(self, *argv: str) -> tuple[int, str, str]:
        return await self.said(command, work, *argv)

    async def people(self, *names: str) -> None:
        for name in names:
            argv = ("add", name, "--password-stdin")
            status, _, errors = await self.said(user.command, user.work, *argv, stdin=b"secret\n")
            self.assertEqual((status, errors), (0, ""))

    async def done(self, *argv: str) -> str:
        status, told, errors = await self.alias(*argv)
        self.assertEqual((status, errors), (0, ""), argv)
        return told

    async def test_an_alias_leads_to_people(self) -> None:
        await self.people("ann", "bob")
        told = await self.done("add", "Info", "ann", "BOB@example.org")
        self.assertEqual(told, "info@example.org: leads to ann@example.org, bob@example.org\n")
        await self.done("add", "@Ex\xe4mple.net", "info@example.org")
        self.assertEqual(
            (await self.done("list")).splitlines(),
            [
                "alias                targets                           reaches",
                "@xn--exmple-cua.net  info@example.org                  ann@example.org, bob@example.org",
                "info@example.org     ann@example.org, bob@example.org  ann@example.org, bob@example.org",
            ],
        )

    async def test_it_is_told_to_programs(self) -> None:
        await self.people("ann")
        self.assertEqual(json.loads(await self.done("list", "--json")), [])
        self.assertEqual(await self.done("list"), "there are no aliases\n")
        made = json.loads(await self.done("add", "info", "ann", "--json"))
        alias = {"alias": "info@example.org", "targets": ["ann@example.org"]}
        self.assertEqual(made, {"done": "added", **alias})
        listed = json.loads(await self.done("list", "--json"))
        self.assertEqual(listed, [{**alias, "reaches": ["ann@example.org"]}])
        gone = json.loads(await self.done("remove", "info", "--json"))
        self.assertEqual(gone, {"done": "removed", "alias": "info@example.org", "targets": []})

    async def test_targets_are_removed_one_by_one_or_all(self) -> None:
        await self.people("ann", "bob")
        await self.done("add", "info", "ann", "bob")
        self.assertEqual(
            await self.done("remove", "info", "ann"), "info@example.org: leads to bob@example.org\n"
        )
        self.assertEqual(await self.done("remove", "info"), "info@example.org: is no alias any more\n")
        self.assertEqual(await self.done("list"), "there are no aliases\n")

    async def test_a_running_server_sees_it_at_once(self) -> None:
        await self.people("ann")
        running = self.assembled()
        target = running.part("target", "mailbox")
        await running.start()
        self.addCleanup(running.stop)
        info, other = Address("info", "example.org"), Address("x", "new.example")
        for _ in range(2):
            with self.assertRaises(Trouble):
                await target.places(info)
            self.assertFalse(await target.serves("new.example"))
            await self.done("add", "info", "ann")
            await self.done("add", "@new.example", "ann")
            self.assertTrue(await target.serves("new.example"))
            self.assertEqual(await target.places(info), await target.places(other))
            await self.done("remove", "info")
            await self.done("remove", "@new.example")

    async def test_who_has_gone_is_told_in_the_list(self) -> None:
        await self.people("ann")
        await self.done("add", "info", "ann")
        await self.said(user.command, user.work, "remove", "ann")
        self.assertTrue((await self.done("list")).endswith("nobody\n"))

    async def test_what_leads_nowhere_is_a_sentence_and_a_status(self) -> None:
        await self.people("ann")
        await self.done("add", "info", "ann")
        await self.done("add", "a", "info", "ann")
        elsewhere = "mail cannot be sent on to other hosts yet"
        for argv, words in (
            (("add", "x", "ann@elsewhere.example"), elsewhere),
            (("add", "x", "ann", "bob"), "there is nobody called bob@example.org"),
            (("add", "x", "x"), "would lead back to x@example.org"),
            (("add", "@example.org", "y"), "there is nobody called y@example.org"),
            (("add", "x", "x", "ann"), "would lead back to x@example.org"),
            (("add", "x", "a b"), '"a b" cannot be a name'),
            (("add", "@", "ann"), '"@" cannot be'),
            (("add", "@a b", "ann"), '"@a b" cannot be'),
            (("add", "x@", "ann"), '"x@" cannot be a name'),
            (("remove", "x"), "There is no alias x@example.org"),
            (("remove", "info", "x"), "The alias info@example.org does not lead to x@example.org"),
            (("list", "--directory", "ldap"), "there is no section [directory:ldap]"),
        ):
            status, out, errors = await self.alias(*argv)
            self.assertEqual((status, out), (1, ""), argv)
            self.assertIn(words, errors)
        aliases = json.loads(await self.done("list", "--json"))
        self.assertEqual([one["alias"] for one in aliases], ["a@example.org", "info@example.org"])

    async def test_a_circle_of_two_is_found_before_it_closes(self) -> None:
        await self.people("ann")
        await self.done("add", "a", "ann")
        await self.done("add", "b", "a")
        status, _, errors = await self.alias("add", "a", "b")
        self.assertEqual(status, 1)
        self.assertIn("would lead back to a@example.org", errors)

    async def test_who_shares_his_own_mail_may_be_in_it(self) -> None:
        await self.people("ann", "bob")
        await self.done("add", "ann", "ann", "bob")

    async def test_a_domain_that_no_target_takes_is_told(self) -> None:
        self.path.write_text(self.ini + "domains = example.org\n")
        await self.people("ann")
        status, _, errors = await self.alias("add", "info@example.net", "ann")
        self.assertEqual(status, 1)
        self.assertIn("mail for example.net is not taken", errors)

    async def test_without_a_directory_or_a_target_there_are_none(self) -> None:
        for ini, words in (
            (INI, "[target:local]"),
            (INI.split("[directory:people]")[0] + TARGET, "[directory:people]"),
        ):
            self.path.write_text(ini)
            status, _, errors = await self.alias("list")
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
