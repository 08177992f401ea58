"""`mailtwist user`."""

import json

from mailtwist.app.cli.user import command, work
from mailtwist.state.process import durable
from mailtwist.testing.durable import a_token
from mailtwist.testing.durable_devices import a_device
from tests.app.cli.inside import INI, InsideCase

PASSWORD = b"p@ss word"


class UserTests(InsideCase):
    async def user(self, *argv: str, stdin: bytes = b"", typed: tuple[str, ...] = ()) -> tuple[int, str, str]:
        return await self.said(command, work, *argv, stdin=stdin, typed=typed)

    async def added(self, *argv: str) -> None:
        status, _, errors = await self.user("add", *argv, "--password-stdin", stdin=PASSWORD + b"\n")
        self.assertEqual((status, errors), (0, ""))

    async def accepts(self, password: bytes) -> bool:
        assembled = self.assembled()
        directory = assembled.part("directory", "people")
        await assembled.start()
        try:
            person = await directory.find("ann@example.org")
            return bool(person.enabled and await directory.accepts(person, password))
        finally:
            await assembled.stop()

    async def test_a_new_account_logs_in_with_the_password_as_it_was_piped(self) -> None:
        await self.added("Ann")
        self.assertTrue(await self.accepts(PASSWORD))
        self.assertFalse(await self.accepts(PASSWORD + b"\n"))

    async def test_a_password_is_typed_twice(self) -> None:
        for typed, words in ((("one", "two"), "not the same"), (("one",), "--password-stdin")):
            status, _, errors = await self.user("add", "ann", typed=typed)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        self.assertEqual((await self.user("add", "ann", typed=("s\u00e9cret", "s\u00e9cret")))[0], 0)
        self.assertTrue(await self.accepts("s\u00e9cret".encode()))

    async def test_the_list_is_a_table_or_json(self) -> None:
        self.assertEqual((await self.user("list"))[1], "there is nobody\n")
        await self.added("bob", "--address", "info", "--alias", "rob")
        await self.added("ann")
        _, table, _ = await self.user("list")
        self.assertEqual(
            table.splitlines(),
            [
                "name             enabled  addresses                          groups",
                "ann@example.org  yes      ann@example.org",
                "bob@example.org  yes      bob@example.org, info@example.org",
            ],
        )
        _, listed, _ = await self.user("list", "--json")
        people = json.loads(listed)
        self.assertEqual([person["name"] for person in people], ["ann@example.org", "bob@example.org"])
        self.assertEqual(people[1]["addresses"], ["bob@example.org", "info@example.org"])
        self.assertTrue(all(person["account"] for person in people))

    async def test_groups_are_given_and_taken(self) -> None:
        await self.added("ann")
        await self.added("bob")
        self.assertEqual((await self.user("group", "list"))[1], "there are no groups\n")
        for name, groups in (("ann", ("Staff", "admins")), ("bob", ("staff",))):
            self.assertEqual((await self.user("group", "add", name, *groups))[0], 0)
        _, table, _ = await self.user("group", "list")
        self.assertEqual(
            table.splitlines(),
            ["group   people", "admins  ann@example.org", "staff   ann@example.org, bob@example.org"],
        )
        _, told, _ = await self.user("group", "remove", "ann", "admins", "--json")
        self.assertEqual(
            json.loads(told), {"done": "changed", "name": "ann@example.org", "groups": ["staff"]}
        )
        people = json.loads((await self.user("list", "--json"))[1])
        self.assertEqual([person["groups"] for person in people], [["staff"], ["staff"]])
        self.assertEqual(
            (await self.user("group", "remove", "bob", "staff"))[1], "bob@example.org: in no group\n"
        )

    async def test_a_group_that_cannot_be_changes_nothing(self) -> None:
        await self.added("ann")
        await self.user("group", "add", "ann", "staff")
        for argv, words in (
            (("add", "ann", "admins", "no group"), '"no group" cannot be a group'),
            (("remove", "ann", "staff", "admins"), "not in the group admins; nothing was changed"),
            (("add", "nobody", "staff"), "nobody called"),
        ):
            status, _, errors = await self.user("group", *argv)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        self.assertEqual((await self.user("group", "add", "ann", "staff"))[1], "ann@example.org: staff\n")

    async def test_people_of_a_file_can_be_listed_and_not_changed(self) -> None:
        file = self.folder / "passwd"
        file.touch(0o600)
        file.write_text("bob:{PLAIN}secret\neve:!\n")
        (self.folder / "groups").touch(0o600)
        (self.folder / "groups").write_text("staff: bob\n")
        more = "[directory:old]\ntype = passwd_file\nfile = passwd\ngroups = groups\n"
        self.path.write_text(self.ini + more)
        _, told, _ = await self.user("list", "--directory", "old")
        self.assertEqual(
            told.splitlines(),
            [
                "name             enabled  addresses        groups",
                "bob@example.org  yes      bob@example.org  staff",
                "eve@example.org  no       eve@example.org",
            ],
        )
        for argv in (("disable", "bob"), ("group", "add", "bob", "admins")):
            status, _, errors = await self.user(*argv)
            self.assertEqual(status, 1)
            self.assertIn("cannot be changed here", errors)

    async def test_a_changed_password_counts_in_a_process_that_runs(self) -> None:
        await self.added("ann")
        running = self.assembled()
        directory = running.part("directory", "people")
        await running.start()
        self.addCleanup(running.stop)
        person = await directory.find("ann@example.org")
        self.assertTrue(await directory.accepts(person, PASSWORD))
        self.assertEqual((await self.user("passwd", "ann", "--password-stdin", stdin=b"other"))[0], 0)
        self.assertFalse(await directory.accepts(person, PASSWORD))
        self.assertTrue(await directory.accepts(person, b"other"))

    async def test_who_is_disabled_does_not_get_in_until_enabled(self) -> None:
        await self.added("ann")
        self.assertEqual((await self.user("disable", "ann"))[1], "ann@example.org: disabled\n")
        self.assertFalse(await self.accepts(PASSWORD))
        self.assertEqual((await self.user("enable", "ann"))[1], "ann@example.org: enabled\n")
        self.assertTrue(await self.accepts(PASSWORD))

    async def test_nothing_is_left_of_who_is_removed(self) -> None:
        await self.added("ann")
        account = json.loads((await self.user("list", "--json"))[1])[0]["account"]
        assembled = self.assembled()
        state = assembled.one(durable)
        await assembled.start()
        self.addCleanup(assembled.stop)
        await state.add_token(a_token(account=account))
        await state.remember(a_device("d1", account=account), 8)
        self.assertEqual((await self.user("remove", "ann"))[1], "ann@example.org: removed\n")
        self.assertEqual((await self.user("list"))[1], "there is nobody\n")
        self.assertEqual(list(await state.tokens(account, "totp")), [])
        self.assertEqual(list(await state.devices(account)), [])

    async def test_what_cannot_be_done_is_a_sentence_and_a_status(self) -> None:
        await self.added("ann")
        for argv, stdin, words in (
            (("add", "Ann", "--password-stdin"), PASSWORD, "The name ann@example.org is taken"),
            (("add", "a b", "--password-stdin"), PASSWORD, '"a b" cannot be a name'),
            (("add", "bob", "--password-stdin"), b"", "a password has 1 to 2048 octets"),
            (("add", "bob", "--password-stdin"), b"a\0b", "no control characters"),
            (("add", "bob", "--password-stdin"), b"x" * 3000, "a password has 1 to 2048 octets"),
            (("passwd", "bob", "--password-stdin"), PASSWORD, 'there is nobody called "bob@example.org"'),
            (("remove", "bob"), b"", 'there is nobody called "bob@example.org"'),
            (("list", "--directory", "ldap"), b"", "there is no section [directory:ldap]"),
        ):
            status, out, errors = await self.user(*argv, stdin=stdin)
            self.assertEqual((status, out), (1, ""), argv)
            self.assertIn(words, errors)

    async def test_nobody_can_be_added_where_nobody_is_kept(self) -> None:
        checker = "[directory:people]\ntype = cred\nchecker = memory:ann:secret\n"
        self.path.write_text(INI.split("[directory:people]")[0] + checker)
        status, _, errors = await self.user("add", "ann", "--password-stdin", stdin=PASSWORD)
        self.assertEqual(status, 1)
        self.assertIn("[directory:people]", errors)


class PlainNameTests(InsideCase):
    ini = INI.replace("default_domain = example.org\n", "")

    async def test_an_address_has_its_domain(self) -> None:
        argv = ("add", "ann", "--address", "info", "--password-stdin")
        status, _, errors = await self.said(command, work, *argv, stdin=PASSWORD)
        self.assertEqual(status, 1)
        self.assertIn('"info" is no address', errors)
