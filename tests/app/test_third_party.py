"""Classes for twisted.mail: the same file under its own servers and, named in a config, under ours."""

import imaplib
import poplib
import re
import smtplib
import sys
from importlib import import_module
from pathlib import Path

from twisted.cred.checkers import AllowAnonymousAccess
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.internet.threads import deferToThread
from twisted.mail import imap4, pop3, smtp
from twisted.trial.unittest import TestCase

from mailtwist.testing.inside import ServerInside

EXAMPLES = Path(__file__).parent.parent.parent / "tap-examples"
ANN = "ann@example.org"
MESSAGE = b"From: ann@example.org\r\nSubject: hello\r\n\r\nIt works.\r\n"


def by_smtp(port: int) -> list[object]:
    client = smtplib.SMTP("127.0.0.1", port, timeout=30)
    client.ehlo("client.example.org")
    # smtplib would choose CRAM-MD5 or PLAIN by itself; stock knows what it was given.
    said: list[object] = [client.docmd("AUTH", "PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=")[0]]
    said += [client.mail(ANN)[0], client.rcpt(ANN)[0], client.rcpt("x@elsewhere.example")[0]]
    said += [client.data(MESSAGE)[0]]
    client.quit()
    return said


def by_imap(port: int) -> list[object]:
    client = imaplib.IMAP4("127.0.0.1", port, timeout=30)
    said: list[object] = [client.login(ANN, "secret")[0], client.select()]
    said += [client.store("1", "+FLAGS", "(\\Flagged)")[0]]
    said += [client.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1], client.list()[0]]
    client.logout()
    return said


def by_pop(port: int) -> list[object]:
    client = poplib.POP3("127.0.0.1", port, timeout=30)
    said: list[object] = [client.user(ANN)[:3], client.pass_("secret")[:3]]
    count, size = client.stat()
    said += [count, size, client.retr(1)[1], client.uidl()[1], client.dele(1)[:3], client.quit()[:3]]
    client = poplib.POP3("127.0.0.1", port, timeout=30)
    client.user(ANN)
    client.pass_("secret")
    said += [client.stat()]
    client.quit()
    return said


def conversation(ports: dict[str, int]) -> list[object]:
    return by_smtp(ports["submission"]) + by_imap(ports["imap"]) + by_pop(ports["pop3"])


class ThirdParty(TestCase):
    def setUp(self) -> None:
        sys.path.insert(0, str(EXAMPLES))
        self.addCleanup(sys.path.remove, str(EXAMPLES))
        self.theirs = import_module("third_party")
        self.theirs.MAIL.clear()

    def stock(self) -> dict[str, int]:
        """The classes under twisted.mail's own servers."""
        portal = Portal(self.theirs.Realm(), [self.theirs.checker(), AllowAnonymousAccess()])
        ports = {}
        kinds = {"submission": smtp.ESMTP, "imap": imap4.IMAP4Server, "pop3": pop3.POP3}
        for name, kind in kinds.items():
            factory = ServerFactory.forProtocol(kind)
            factory.noisy = False
            factory.buildProtocol = _equipped(factory, portal)
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            ports[name] = port.getHost().port
        return ports

    async def ours(self) -> dict[str, int]:
        """The classes named in the example's config."""
        ini = re.sub(r"localhost:\d+", "127.0.0.1:0", (EXAMPLES / "third-party.ini").read_text())
        server = ServerInside(Path(self.mktemp()), ini)
        self.addCleanup(server.stop)
        await server.start()
        return {name: server.port(name) for name in ("mx", "submission", "imap", "pop3")}

    async def test_they_say_the_same_under_both(self) -> None:
        stock = await deferToThread(conversation, self.stock())
        self.assertEqual(stock[:5], [235, 250, 250, 550, 250])
        self.assertIn(b"It works.", b"".join(one for one in stock if isinstance(one, bytes)))
        self.theirs.MAIL.clear()
        ours = await deferToThread(conversation, await self.ours())
        self.assertEqual(ours, stock)

    async def test_a_wrong_password_is_wrong(self) -> None:
        def log_in(port: int) -> None:
            imaplib.IMAP4("127.0.0.1", port, timeout=30).login(ANN, "wrong")

        ports = await self.ours()
        error = await self.assertFailure(deferToThread(log_in, ports["imap"]), imaplib.IMAP4.error)
        self.assertIn("AUTHENTICATIONFAILED", str(error))

    async def test_strangers_bring_mail_to_their_delivery(self) -> None:
        def bring(port: int) -> None:
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                client.sendmail("x@elsewhere.example", [ANN], MESSAGE)

        ports = await self.ours()
        await deferToThread(bring, ports["mx"])
        (message,) = self.theirs.MAIL[ANN.encode()].messages
        self.assertTrue(message.octets.endswith(MESSAGE))
        self.assertIn(b"by an example", message.octets)


def _equipped(factory, portal):
    def build(address):
        made = ServerFactory.buildProtocol(factory, address)
        made.portal = portal
        if isinstance(made, smtp.ESMTP):
            made.challengers = {b"PLAIN": imap4.PLAINCredentials}
        return made

    return build
