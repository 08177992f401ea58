"""The very same delivery, realm and checker under stock twisted.mail and under ours, used by smtplib."""

import smtplib
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.mail import smtp
from twisted.trial.unittest import TestCase

from mailtwist.protocols.smtp.server import ESMTPServer
from tests.third_party.smtp_delivery import Desk, DeskFactory

MESSAGE = b"Subject: hello\r\n\r\n.dot\r\n..\r\ngr\xc3\xbc\xc3\x9fe\r\n" + b"x" * 998 + b"\r\nlast\r\n"


class Trusting(ESMTPServer):
    """This network needs no TLS."""

    trusted = staticmethod(lambda address: address == "127.0.0.1")


class Service:
    """One desk, one server class."""

    kind: Any = None
    strangers = False

    def setUp(self) -> None:
        self.desk = Desk(reactor, self.strangers)
        factory = DeskFactory(self.desk.portal)
        factory.protocol = self.kind
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.number = port.getHost().port

    async def talk(self, dialogue: Any, login: bool = True) -> Any:
        """What `dialogue(client)` returns, in a thread."""

        def work() -> Any:
            client = smtplib.SMTP("127.0.0.1", self.number, "client.example", timeout=30)
            try:
                if login:
                    client.login("ann", "sec ret")
                return dialogue(client)
            finally:
                client.close()

        return await deferToThread(work)

    async def test_a_message_for_two(self) -> None:
        to = ["bob@example.org", "carl@example.org"]
        await self.talk(lambda client: client.sendmail("ann@example.org", to, MESSAGE))
        lines = MESSAGE.split(b"\r\n")[:-1]
        for address, (recipient, found) in zip(to, self.desk.messages, strict=True):
            self.assertEqual(recipient, address.encode())
            received = b"Received: from client.example for %b" % recipient
            self.assertEqual(found, [received, *lines])

    async def test_a_message_without_a_header_gets_an_empty_line(self) -> None:
        await self.talk(
            lambda client: client.sendmail("ann@example.org", ["bob@example.org"], b"just text\r\n")
        )
        self.assertEqual(self.desk.messages[0][1][1:], [b"", b"just text"])

    async def test_who_is_nobody_is_refused(self) -> None:
        to = ["bob@example.org", "carl@example.com"]
        refused = await self.talk(lambda client: client.sendmail("ann@example.org", to, MESSAGE))
        self.assertEqual({to: code for to, (code, _) in refused.items()}, {"carl@example.com": 550})
        self.assertEqual(len(self.desk.messages), 1)

    async def test_a_sender_is_refused(self) -> None:
        found = await self.talk(lambda client: (client.ehlo(), client.mail("<spammer@example.org>"))[1])
        self.assertEqual(found[0], 550)
        self.assertIn(b"Sender not acceptable", found[1])

    async def test_the_null_sender(self) -> None:
        await self.talk(lambda client: client.sendmail("", ["bob@example.org"], MESSAGE))
        self.assertEqual(len(self.desk.messages), 1)

    async def test_a_message_is_refused_while_it_comes(self) -> None:
        def dialogue(client: smtplib.SMTP) -> tuple[int, bytes]:
            try:
                client.sendmail("ann@example.org", ["bob@example.org"], b"X-Refuse: yes\r\n" + MESSAGE)
            except smtplib.SMTPDataError as error:
                client.sendmail("ann@example.org", ["bob@example.org"], MESSAGE)
                return error.smtp_code, error.smtp_error
            raise AssertionError("it was taken")

        code, words = await self.talk(dialogue)
        self.assertEqual(code, 554)
        self.assertTrue(words.endswith(b"no such headers, please"))
        self.assertEqual((self.desk.lost, len(self.desk.messages)), ([b"bob@example.org"], 1))

    async def test_a_message_that_cannot_be_kept_is_not_taken(self) -> None:
        def dialogue(client: smtplib.SMTP) -> int:
            try:
                client.sendmail("ann@example.org", ["bob@example.org"], b"Subject: fail\r\n\r\n")
            except smtplib.SMTPDataError as error:
                return error.smtp_code
            return 250

        self.assertEqual(await self.talk(dialogue), self.not_kept)
        self.assertEqual(len(self.flushLoggedErrors(IOError)), 1)

    async def test_a_client_that_goes_within_a_message(self) -> None:
        def dialogue(client: smtplib.SMTP) -> None:
            client.mail("<ann@example.org>")
            client.rcpt("<bob@example.org>")
            client.docmd("DATA")
            client.send(b"Subject: half\r\n")
            client.sock.shutdown(socket.SHUT_WR)
            client.sock.recv(1)

        await self.talk(dialogue)
        self.assertEqual(
            (self.desk.lost, self.desk.messages, self.desk.present), ([b"bob@example.org"], [], [])
        )

    async def test_a_wrong_password(self) -> None:
        def dialogue(client: smtplib.SMTP) -> int:
            try:
                client.login("ann", "wrong")
            except smtplib.SMTPAuthenticationError as error:
                return error.smtp_code
            return 235

        self.assertEqual(await self.talk(dialogue, login=False), 535)

    async def test_strangers_are_sent_away(self) -> None:
        def dialogue(client: smtplib.SMTP) -> int:
            client.ehlo()
            return client.mail("<ann@example.org>")[0]

        self.assertIn(await self.talk(dialogue, login=False), self.strangers_hear)

    async def test_avatars_are_logged_out(self) -> None:
        seen: list[Any] = []
        await self.talk(lambda client: (seen.extend(self.desk.present), client.quit()))
        self.assertEqual((seen, self.desk.present), ([b"ann"], []))


class StockTests(Service, TestCase):
    kind = smtp.ESMTP
    not_kept = 550
    strangers_hear = (550,)


class OurTests(Service, TestCase):
    kind = Trusting
    not_kept = 451
    strangers_hear = (530,)


class Strangers(Service):
    strangers = True
    strangers_hear = (250,)


class StockStrangersTests(Strangers, TestCase):
    kind = smtp.ESMTP
    not_kept = 550


class OurStrangersTests(Strangers, TestCase):
    kind = Trusting
    not_kept = 451
