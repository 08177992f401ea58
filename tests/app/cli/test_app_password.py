"""`mailtwist app-password`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mailtwist.app.cli.app_password import command, work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest, Person
from mailtwist.auth.decision import Decision, the_decision
from mailtwist.auth.directories import sqlite
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand, Guest, Kind
from mailtwist.gateway.upstream import server
from tests.app.cli.inside import InsideCase


class Opening(sqlite.SqliteDirectory):
    """Has to open something with the password, as an upstream has."""

    async def open(self, person: Person, password: bytes, request: LoginRequest) -> Any:
        return "session" if await self.accepts(person, password) else None


BEHIND = "[upstream:inside]\ntype = server\nhosts = 127.0.0.1\nimap = 9 plain\nlogin = sealed\n"


class Behind:
    """The server behind, with one password for everybody."""

    password = b""
    judges = one_domain = False

    def __init__(self, settings: server.Settings, assembly: Assembly) -> None:
        self.name = assembly.name
        self.sealed = settings.login == "sealed"

    def serves(self, kind: Kind) -> bool:
        return kind == "imap"

    async def open(self, errand: Errand) -> Any:
        if not (errand.vault and errand.password == self.password):
            raise LoginRefused("wrong-password")
        return self

    async def close(self) -> None:
        """Nothing is open."""

    async def visit(self, kind: Kind, guest: Guest) -> Any:
        raise AssertionError("nobody is visited")

    def offered(self, kind: Kind, *, late: bool) -> Sequence[str]:
        return ()


class AppPasswordTests(InsideCase):
    """With a process that serves at the same time: what commands change counts there at once."""

    async def begin(self) -> None:
        await self.said(user_command, user_work, "add", "ann", "--password-stdin", stdin=b"secret")
        running = self.assembled()
        self.decision: Decision = running.one(the_decision)
        await running.start()
        self.addCleanup(running.stop)

    async def app_password(self, *argv: str, **more: Any) -> tuple[int, str, str]:
        return await self.said(command, work, *argv, **more)

    async def told(self, *argv: str, **more: Any) -> Any:
        status, out, errors = await self.app_password(*argv, "--json", **more)
        self.assertEqual((status, errors), (0, ""))
        return json.loads(out)

    async def login(self, secret: str, protocol: Any = "imap", address: str = "192.0.2.7") -> Accepted:
        return await self.decision.decide(LoginRequest(protocol, b"ann", secret.encode(), address, tls=True))

    async def refused(self, secret: str, **more: Any) -> str:
        with self.assertRaises(LoginRefused) as refused:
            await self.login(secret, **more)
        return refused.exception.reason

    async def test_one_is_made_and_works_at_once(self) -> None:
        await self.begin()
        status, out, _ = await self.app_password("add", "ann", "--label", "my phone")
        text, words = out.splitlines()
        self.assertEqual((status, "shown once" in words), (0, True))
        accepted = await self.login(text)
        self.assertEqual(accepted.name, "ann@example.org")
        (row,) = await self.told("list", "ann")
        self.assertEqual((row["id"], row["label"], row["protocols"]), (accepted.device, "my phone", ["all"]))
        self.assertEqual((row["kind"], row["last_used"], row["networks"]), ("app-password", "never", []))
        self.assertNotIn(text, json.dumps(row))

    async def test_it_is_for_what_it_was_made_for(self) -> None:
        await self.begin()
        made = await self.told(
            *("add", "ann", "--protocol", "smtp", "--protocol", "imap"),
            *("--network", "192.0.2.0/24, 2001:db8::/32", "--life", "2 days", "--idle", "1 day"),
        )
        await self.login(made["password"], "smtp")
        await self.login(made["password"], "imap", "2001:db8::7")
        self.assertEqual(await self.refused(made["password"], protocol="pop3"), "other-protocol")
        self.assertEqual(await self.refused(made["password"], address="198.51.100.1"), "other-network")
        (row,) = await self.told("list", "ann")
        self.assertEqual((row["protocols"], row["context"]), (["smtp", "imap"], "fixed"))

    async def test_what_cannot_be_is_said(self) -> None:
        await self.begin()
        for argv, words in (
            (("--life", "800 days"), "--life can be 365 d at most; [login] says so"),
            (("--idle", "0 s"), "--idle has to be more than nothing"),
            (("--label", "x" * 101), "a label has at most 100 characters"),
            (("--label", "two\nlines"), "one line"),
        ):
            status, _, errors = await self.app_password("add", "ann", *argv)
            self.assertEqual(status, 1)
            self.assertIn(words, errors)
        for argv in (
            ("--network", "192.0.2.1/24"),
            ("--network", ""),
            ("--protocol", "gopher"),
            ("--life", "soon"),
        ):
            with self.assertRaises(SystemExit):
                await self.app_password("add", "ann", *argv)
        self.assertIn("there is nobody", (await self.app_password("add", "bob"))[2])
        self.assertEqual(await self.told("list", "ann"), [])

    async def test_a_revoked_one_ends_alone(self) -> None:
        await self.begin()
        first, second = await self.told("add", "ann"), await self.told("add", "ann")
        self.assertEqual((await self.app_password("revoke", "ann", first["id"]))[1], "revoked: 1\n")
        self.assertEqual(await self.refused(first["password"]), "revoked-device")
        await self.login(second["password"])
        self.assertEqual(len(await self.told("list", "ann")), 1)
        self.assertEqual(len(await self.told("list", "ann", "--all")), 2)
        for argv in (("nothing",), (), (second["id"], "--all")):
            self.assertEqual((await self.app_password("revoke", "ann", *argv))[0], 1)
        await self.told("revoke", "ann", "--all")
        self.assertEqual(await self.refused(second["password"]), "revoked-device")

    async def test_where_nothing_is_opened_there_is_nothing_to_seal(self) -> None:
        await self.begin()
        made = await self.told("add", "ann")
        typed = (made["password"], "secret")
        status, _, errors = await self.app_password("reseal", "ann", typed=typed)
        self.assertEqual((status, "with another one in it" in errors), (1, True))

    async def test_a_server_behind_gets_its_own_password_from_it(self) -> None:
        """The directory opens nothing, and has another one."""
        self.path.write_text(self.ini + BEHIND)
        self.patch(server, "part", replace(server.part, build=Behind))
        self.patch(Behind, "password", b"backend's")
        await self.begin()
        words = "that is not the password at the server behind"
        self.assertIn(words, (await self.app_password("add", "ann", typed=("secret",)))[2])
        made = await self.told("add", "ann", "--password-stdin", stdin=b"backend's\n")
        accepted = await self.login(made["password"])
        self.assertEqual((accepted.password, accepted.vault), (b"backend's", True))
        self.patch(Behind, "password", b"new")
        typed = (made["password"], "backend's")
        self.assertIn(words, (await self.app_password("reseal", "ann", typed=typed))[2])
        await self.told("reseal", "ann", typed=(made["password"], "new"))
        self.assertEqual((await self.login(made["password"])).password, b"new")

    async def test_a_server_behind_that_is_sealed_for_nobody_wants_none(self) -> None:
        self.path.write_text(self.ini + BEHIND.replace("sealed", "passthrough"))
        self.patch(server, "part", replace(server.part, build=Behind))
        await self.begin()
        made = await self.told("add", "ann")
        self.assertEqual((await self.login(made["password"])).vault, False)

    async def test_a_directory_that_opens_gets_the_password_from_it(self) -> None:
        self.patch(sqlite, "part", replace(sqlite.part, build=Opening))
        await self.begin()
        status, _, errors = await self.app_password("add", "ann", typed=("wrong",))
        self.assertEqual((status, "that is not the account's password" in errors), (1, True))
        self.assertIn("nothing was typed", (await self.app_password("add", "ann"))[2])
        made = await self.told("add", "ann", typed=("secret",))
        accepted = await self.login(made["password"])
        self.assertEqual((accepted.opened, accepted.password), ("session", b"secret"))
        await self.said(user_command, user_work, "passwd", "ann", "--password-stdin", stdin=b"new")
        self.assertEqual(await self.refused(made["password"]), "old-password")
        both = f"{made['password']}\nnew\n".encode()
        await self.told("reseal", "ann", "--password-stdin", stdin=both)
        accepted = await self.login(made["password"])
        self.assertEqual(accepted.password, b"new")
