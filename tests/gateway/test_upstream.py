"""Logins at real servers behind, in each protocol, in each way, plain and under TLS."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.config.values import Secret
from mailtwist.gateway.api import Kind
from mailtwist.gateway.dial import Way
from tests.backends.passwords import PASSWORDS
from tests.backends.shared import dovecot, login_only, named_only, postfix
from tests.gateway.behind import NAME, begun, came_from, errand

KINDS: tuple[Kind, ...] = ("imap", "pop3", "submission", "sieve")
LATE: dict[Kind, str] = {"imap": "MOVE", "pop3": "UIDL", "submission": "SIZE", "sieve": "SIEVE"}


class LoginTests(TestCase):
    timeout = 120

    async def test_each_protocol_logs_in(self) -> None:
        dovecot().add(NAME, b"right")
        for security in ("plain", "starttls"):
            server = await begun(self, dovecot(), security)
            for kind in KINDS:
                session = await server.open(errand(kind, b"right"))
                self.assertEqual((session.kind, session.call.encrypted), (kind, security == "starttls"))
                self.assertTrue(session.offers.has(LATE[kind]), session.offers)
                self.assertTrue(server.offered(kind, late=False))
                self.assertEqual(session.call.unread, 0)
                await session.close()

    async def test_tls_from_the_beginning(self) -> None:
        real = dovecot()
        real.add(NAME, b"right")
        ways = {
            kind: Way.parse(f"{real.ports[port]} implicit")
            for kind, port in (("imap", "imaps"), ("pop3", "pop3s"), ("submission", "submissions"))
        }
        server = await begun(self, real, "starttls", **{**ways, "sieve": None, "lmtp": None})
        for kind in ways:
            session = await server.open(errand(kind, b"right"))  # type: ignore[arg-type]
            self.assertTrue(session.call.encrypted)
            await session.close()

    async def test_a_wrong_password_is_refused_and_the_host_is_well(self) -> None:
        dovecot().add(NAME, b"right")
        server = await begun(self, dovecot(), troubles=1)
        for kind in KINDS:
            for _ in range(2):
                with self.assertRaises(LoginRefused):
                    await server.open(errand(kind, b"wrong"))
            await (await server.open(errand(kind, b"right"))).close()

    async def test_evil_passwords_through_login_alone(self) -> None:
        server = await begun(self, login_only())
        for number, password in enumerate(PASSWORDS):
            name = f"evil{number}@example.org"
            login_only().add(name, password)
            for kind in KINDS:
                await (await server.open(errand(kind, password, name))).close()

    async def test_what_is_not_served_is_unavailable(self) -> None:
        server = await begun(self, dovecot(), sieve=None)
        self.assertFalse(server.serves("sieve"))
        with self.assertRaises(LoginUnavailable):
            await server.open(errand("sieve", b"right"))

    async def test_a_certificate_that_is_wrong_is_no_wrong_password(self) -> None:
        server = await begun(self, named_only(), "starttls")
        with self.assertRaises(LoginUnavailable) as raised:
            await server.open(errand("imap", b"right"))
        self.assertIn("certificate", raised.exception.reason)

    async def test_the_reason_names_the_section_once(self) -> None:
        server = await begun(self, dovecot(), imap=Way.parse("1 plain"))
        with self.assertRaises(LoginUnavailable) as raised:
            await server.open(errand("imap", b"right"))
        self.assertRegex(raised.exception.reason, r"^\[upstream:[a-z]+\] imap: [^[]+refused$")

    async def test_a_password_sealed_nowhere_is_refused(self) -> None:
        server = await begun(self, dovecot())
        with self.assertRaises(LoginRefused) as raised:
            await server.open(errand("imap", b""))
        self.assertEqual(raised.exception.reason, "no-vault")


class GuestTests(TestCase):
    timeout = 120

    async def test_the_server_knows_who_the_client_is(self) -> None:
        real = dovecot()
        for security in ("plain", "starttls"):
            server = await begun(self, real, security)
            for kind in KINDS:
                name = f"told-{kind}-{security}@example.org"
                real.add(name, b"right")
                session = await server.open(errand(kind, b"right", name))
                self.assertTrue(session.introduced, kind)
                await session.close()
                self.assertEqual(await came_from(real, name), "203.0.113.5", (kind, security))

    async def test_it_is_not_told_where_that_is_not_wanted(self) -> None:
        real = dovecot()
        server = await begun(self, real, id=False, xclient=False)
        for kind in KINDS:
            name = f"untold-{kind}@example.org"
            real.add(name, b"right")
            session = await server.open(errand(kind, b"right", name))
            self.assertFalse(session.introduced)
            await session.close()
            self.assertEqual(await came_from(real, name), "127.0.0.1")


class OtherWaysTests(TestCase):
    timeout = 120

    async def test_a_master_user_opens_everybodys(self) -> None:
        real = dovecot()
        real.add(NAME, b"right")
        real.add_master("gateway", b"m@ster %u")
        for form in ("*", "authzid"):
            server = await self.mastered(real, "m@ster %u", form)
            for kind in KINDS:
                session = await server.open(errand(kind, b""))
                await session.close()

    async def test_a_master_user_that_is_refused_is_no_wrong_password(self) -> None:
        real = dovecot()
        real.add(NAME, b"right")
        real.add_master("gateway", b"m@ster %u")
        server = await self.mastered(real, "wrong", "*")
        with self.assertRaises(AccountUnavailable):
            await server.open(errand("imap", b"right"))

    async def test_a_postfix_that_trusts_us_is_told_who_is_logged_in(self) -> None:
        real = postfix()
        ports = {"imap": None, "pop3": None, "sieve": None, "lmtp": None}
        server = await begun(self, real, login="none", **ports)
        session = await server.open(errand("submission", b""))
        self.assertTrue(session.introduced)
        for line, code in ((f"MAIL FROM:<{NAME}>", b"250"), ("RCPT TO:<bob@example.net>", b"250")):
            session.call.write(f"{line}\r\n".encode())
            self.assertTrue((await session.call.line()).startswith(code))
        await session.close()

    async def mastered(self, real: Any, password: str, form: str) -> Any:
        return await begun(
            self,
            real,
            login="master",
            master_user="gateway",
            master_password=Secret(password),
            master_form=form,
        )
