"""Octets in clear behind STARTTLS, of the client or the server behind; what precedes a login.  rfc3207#4.2"""

import base64
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.auth.api import LoginUnavailable
from mailtwist.gateway.api import Kind
from tests.backends import shared
from tests.gateway.behind import begun, errand
from tests.gateway.whole import before_dovecot, before_postfix
from tests.peers.programs import needs
from tests.process.talk import Talker


def plain(user: str, secret: str) -> bytes:
    return b"AUTH PLAIN " + base64.b64encode(f"\0{user}\0{secret}".encode())


@needs("dovecot", "postfix")
class ClientTests(SynchronousTestCase):
    timeout = 300

    def test_what_was_said_in_clear_is_not_done(self) -> None:
        for make in (before_dovecot, before_postfix):
            gateway = make()
            login = gateway.person("ann").login()
            injected = (
                b"EHLO evil.example",
                plain(login.user, login.secret),
                b"MAIL FROM:<evil@inside.test>",
            )
            with Talker(gateway.server.port("submission")) as talker:
                talker.smtp()
                talker.smtp(b"EHLO client.example")
                talker.send(b"STARTTLS\r\n" + b"".join(line + b"\r\n" for line in injected))
                self.assertTrue(talker.smtp().startswith(b"220 "))
                talker.start_tls()
                self.assertTrue(talker.smtp(b"MAIL FROM:<x@inside.test>")[:4] in (b"503 ", b"530 "))
                self.assertTrue(talker.smtp(b"EHLO client.example").startswith(b"250"))
                self.assertTrue(talker.smtp(b"MAIL FROM:<x@inside.test>").startswith(b"530 "))
                self.assertTrue(talker.smtp(plain(login.user, login.secret)).startswith(b"235 "))
                self.assertTrue(talker.smtp(b"STARTTLS").startswith(b"503 "))
                self.assertTrue(talker.smtp(b"MAIL FROM:<ann@inside.test>").startswith(b"250 "))

    def test_a_mail_that_is_sent_ahead_of_its_login(self) -> None:
        for make in (before_dovecot, before_postfix):
            gateway = make()
            ann, eve = gateway.person("ann"), gateway.person("eve")
            right, other = ann.login(), eve.login()
            lines = (
                *(b"EHLO client.example", plain(ann.address, f"{ann.password}@{ann.wrong_code()}")),
                *(b"MAIL FROM:<ann@inside.test>", plain(right.user, right.secret)),
                *(plain(other.user, other.secret), b"MAIL FROM:<ann@inside.test>"),
                *(plain(other.user, other.secret), b"NOOP"),
            )
            with Talker(gateway.server.port("submissions"), tls=True) as talker:
                talker.smtp()
                talker.send(b"".join(line + b"\r\n" for line in lines))
                told = [talker.smtp()[:3] for _ in lines]
            self.assertEqual(told, [b"250", b"535", b"530", b"235", b"503", b"250", b"503", b"250"])


class Injecting(LineReceiver):
    """Promises TLS, and goes on in clear."""

    factory: Any
    transport: Any

    def connectionMade(self) -> None:
        self.sendLine(self.factory.words[b""])

    def lineReceived(self, line: bytes) -> None:
        self.factory.heard.append(line)
        words = line.upper().split(b" ")
        verb = next((word for word in words if word in self.factory.words), b"?")
        tag = words[0] + b" " if self.factory.kind == "imap" else b""
        self.transport.write(self.factory.words.get(verb, b"%sBAD").replace(b"%s", tag) + b"\r\n")


OFFERS: dict[Kind, dict[bytes, bytes]] = {
    "submission": {
        b"": b"220 evil ESMTP",
        b"EHLO": b"250-evil\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN",
        b"STARTTLS": b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n235 2.7.0 ok",
        b"AUTH": b"235 2.7.0 ok",
    },
    "imap": {
        b"": b"* OK [CAPABILITY IMAP4rev1 STARTTLS] evil",
        b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n%sOK",
        b"STARTTLS": b"%sOK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%sOK",
        b"LOGIN": b"%sOK",
    },
    "pop3": {
        b"": b"+OK evil",
        b"CAPA": b"+OK\r\nSTLS\r\nUSER\r\n.",
        b"STLS": b"+OK go\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n+OK",
        b"USER": b"+OK",
        b"PASS": b"+OK",
    },
}


class Fake:
    """Where `begun` expects a real server."""

    root: Any

    def __init__(self, kind: Kind, port: int) -> None:
        self.ports = {kind: port}
        self.root = shared.dovecot().root


@needs("dovecot")
class BackendTests(TestCase):
    timeout = 120

    async def heard(self, kind: Kind, words: dict[bytes, bytes]) -> list[bytes]:
        factory: Any = Factory.forProtocol(Injecting)
        factory.heard, factory.words, factory.kind = [], words, kind
        listens: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(listens.stopListening)
        server = await begun(self, Fake(kind, listens.getHost().port), "starttls")
        with self.assertRaises(LoginUnavailable):
            await server.open(errand(kind, b"s3cret"))
        found: list[bytes] = factory.heard
        return found

    async def test_a_password_is_not_said_to_who_goes_on_in_clear(self) -> None:
        for kind, words in OFFERS.items():
            word = b"STLS" if kind == "pop3" else b"STARTTLS"
            for answer in (
                words[word],
                b"%sNO" if kind == "imap" else b"-ERR no" if kind == "pop3" else b"454 no",
            ):
                heard = await self.heard(kind, {**words, word: answer})
                self.assertTrue(any(word in line for line in heard), heard)
                for line in heard:
                    for bad in (b"AUTH", b"LOGIN", b"PASS", b"USER", b"s3cret"):
                        self.assertNotIn(bad, line.upper() if bad != b"s3cret" else line)
