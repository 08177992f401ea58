"""Mail about accounts in whole servers: into a mailbox, by a smarthost, and while neither works."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.decision import the_decision
from mailtwist.auth.notices import the_notices
from mailtwist.config.load import load
from mailtwist.delivery import telling
from mailtwist.delivery.wording import WORDINGS
from mailtwist.testing.inside import PASSWORD, ServerInside
from tests.app.test_mail import INI

reactor: Any = the_reactor
ANN, BOB = "ann@example.org", "bob@example.org"
PATIENCE = 30


class Servers(TestCase):
    def setUp(self) -> None:
        self.patch(telling, "LOOK", 0.1)

    async def a_server(self, more: str = "", hostname: str = "mail.example.org") -> ServerInside:
        ini = INI.replace("hostname = mail.example.org", f"hostname = {hostname}") + more
        server = ServerInside(Path(self.mktemp()), ini)
        self.addCleanup(server.stop)
        await server.start()
        return server

    async def inbox(self, server: ServerInside, name: str) -> list[Any]:
        """The mails of an account, once there is one."""
        for _ in range(PATIENCE * 20):
            files = server.config.parent.glob("state/mail/*/cur/*")
            mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
            if found := [mail for mail in mails if mail["Delivered-To"] == name]:
                return found
            await deferLater(reactor, 0.05, lambda: None)
        self.fail("nothing came")

    async def tell(self, server: ServerInside, phone: Any, kind: str = "locked", **facts: Any) -> None:
        server.assembled.one(the_notices).tell(phone.account, kind, name=ANN, **facts)


class LocalTests(Servers):
    async def test_it_is_in_the_mailbox_within_seconds(self) -> None:
        server = await self.a_server()
        ann = await server.add(ANN)
        await self.tell(server, ann, until="2027-01-31")
        (message,) = await self.inbox(server, ANN)
        self.assertEqual(message["Return-Path"], "<>")
        self.assertEqual(message["Delivered-To"], ANN)
        self.assertEqual(message["From"], "Mail server <postmaster@mail.example.org>")
        self.assertIn("2027-01-31", message.get_content())

    async def test_what_happens_at_a_login_is_told_by_mail(self) -> None:
        server = await self.a_server()
        ann = await server.add(ANN)
        decision = server.assembled.one(the_decision)
        secret = ann.secret.encode()

        async def login(address: str) -> None:
            await decision.decide(LoginRequest("imap", ANN.encode(), secret, address, tls=True, client="K-9"))

        await login("192.0.2.7")
        with self.assertRaises(LoginRefused):
            await login("198.51.100.9")
        while len(mails := await self.inbox(server, ANN)) < 2:
            await deferLater(reactor, 0.1, lambda: None)
        told = {mail["Subject"]: mail.get_content() for mail in mails}
        new, elsewhere = (told[WORDINGS[kind].subject] for kind in ("new-device", "out-of-context"))
        self.assertIn("192.0.2.7", new)
        self.assertIn("198.51.100.9", elsewhere)
        for text in told.values():
            self.assertIn("K-9", text)
            self.assertNotIn(PASSWORD, text)
            self.assertNotIn(secret.decode()[-6:], text)

    async def test_what_a_command_puts_into_the_spool_the_server_sends(self) -> None:
        server = await self.a_server()
        ann = await server.add(ANN)
        command = Assembled(load(server.config))
        notices = command.one(the_notices)
        await command.start()
        await notices.put(ann.account, "factor-reset", name=ANN, by="an administrator", why="phone lost")
        await command.stop()
        (message,) = await self.inbox(server, ANN)
        self.assertIn("phone lost", message.get_content())

    async def test_mail_that_waits_when_the_server_ends_is_sent_by_the_next(self) -> None:
        server = await self.a_server()
        ann = await server.add(ANN)
        await server.stop()
        command = Assembled(load(server.config))
        notices = command.one(the_notices)
        await command.start()
        await notices.put(ann.account, "locked", name=ANN)
        await command.stop()
        again = ServerInside(server.config.parent, server.config.read_text())
        self.addCleanup(again.stop)
        await again.start()
        self.assertEqual(len(await self.inbox(again, ANN)), 1)


class SmarthostTests(Servers):
    async def both(self, service: str = "mx", **how: str) -> tuple[ServerInside, Any, ServerInside]:
        """A server whose mail goes by another, and Ann at both."""
        other = await self.a_server()
        await other.add(ANN)
        (certificate,) = other.config.parent.glob("state/tls/**/*.pem")
        lines = {"smarthost": f"localhost:{other.port(service)}", "smarthost_ca": str(certificate), **how}
        words = "".join(f"{name} = {value}\n" for name, value in lines.items() if value)
        server = await self.a_server(f"\n[notices]\n{words}", "gate.example.org")
        return server, await server.add(ANN), other

    async def test_a_smarthost_takes_it_by_starttls(self) -> None:
        server, ann, other = await self.both()
        await self.tell(server, ann)
        (message,) = await self.inbox(other, ANN)
        self.assertEqual(message["Return-Path"], "<>")
        self.assertIn("with ESMTPS ", message["Received"].replace("\t", " "))
        self.assertIn("gate.example.org", message["Received"])

    async def test_a_smarthost_that_wants_a_login(self) -> None:
        for service, tls in (("submission", "starttls"), ("submissions", "implicit")):
            server, ann, other = await self.both(
                service, smarthost_tls=tls, smarthost_user=BOB, smarthost_password="later"
            )
            bob = await other.add(BOB)
            outlet = server.assembled.one(telling.the_telling)._send.__self__
            outlet._settings.smarthost_password._value = bob.secret
            await self.tell(server, ann)
            (message,) = await self.inbox(other, ANN)
            self.assertIn("with ESMTPSA ", message["Received"].replace("\t", " "))

    async def test_by_policy_the_smarthost_may_be_anybody_or_go_by_another_name(self) -> None:
        for how in (
            {"smarthost_ca": "", "smarthost_policy": "opportunistic"},
            {"smarthost_names": "mail.elsewhere.example, localhost"},
        ):
            server, ann, other = await self.both(**how)
            await self.tell(server, ann)
            (message,) = await self.inbox(other, ANN)
            self.assertIn("with ESMTPS ", message["Received"].replace("\t", " "))

    async def test_a_second_address_too(self) -> None:
        server, ann, other = await self.both(second_addresses=f"{ANN}: {BOB}")
        await other.add(BOB)
        await self.tell(server, ann)
        self.assertEqual(len(await self.inbox(other, ANN)), 1)
        self.assertEqual(len(await self.inbox(other, BOB)), 1)

    async def test_a_smarthost_that_is_dead_delays_no_login(self) -> None:
        server, ann, other = await self.both()
        await other.stop()
        for kind in ("locked", "new-device", "new-network"):
            await self.tell(server, ann, kind)
        decision = server.assembled.one(the_decision)
        request = LoginRequest("imap", ANN.encode(), ann.secret.encode(), "127.0.0.1", tls=True)
        accepted = await decision.decide(request)
        self.assertEqual(accepted.password, PASSWORD.encode())
