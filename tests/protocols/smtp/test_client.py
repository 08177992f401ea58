"""Handing a message to another server: over real sockets, to servers that behave and servers that do not."""

from base64 import b64decode
from datetime import timedelta
from typing import Any

from OpenSSL.crypto import X509
from twisted.internet import reactor as the_reactor
from twisted.internet import ssl
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.smtp import client as module
from mailtwist.protocols.smtp.client import NextServer, NotReached, NotTaken, Outgoing, hand_over
from tests.tls.made import NOW, Authority

reactor: Any = the_reactor
MESSAGE = b"Subject: x\r\n\r\nhello\r\n.dot\r\n\r\nend\r\n"
MAIL = Outgoing("", "ann@example.org", MESSAGE)
LONG_AGO = NOW - timedelta(400)
PASSWORD = "s3cret of the smarthost"


class Peer(LineReceiver):
    """Answers each verb as `replies` says, and writes down what it is told."""

    factory: Any
    transport: Any
    data = False
    login = False

    def connectionMade(self) -> None:
        self.factory.said.append([])
        if (greeting := self.factory.replies.get("", b"220 here")) is not None:
            self.sendLine(greeting)
        if self.factory.hangs_up_at == "":
            self.transport.loseConnection()

    def lineReceived(self, line: bytes) -> None:
        self.factory.said[-1].append(line)
        if self.data:
            self.data = line != b"."
            if not self.data:
                self.sendLine(self.factory.replies.get("message", b"250 taken"))
            return
        verb = line.split(b" ")[0].upper().decode()
        if verb == self.factory.hangs_up_at:
            self.transport.loseConnection()
            return
        reply = self.factory.replies.get(verb, self.usual(verb))
        if reply is not None:
            self.sendLine(reply)
        if verb == "STARTTLS" and reply and reply.startswith(b"220"):
            self.transport.startTLS(self.factory.contexts)
        if verb == "QUIT":
            self.transport.loseConnection()

    def usual(self, verb: str) -> bytes:
        if verb == "EHLO":
            secure = hasattr(self.transport, "getPeerCertificate") and self.transport.TLS
            words = [b"there", b"AUTH PLAIN LOGIN"] + ([] if secure else [b"STARTTLS"])
            return b"\r\n".join([b"250-" + word for word in words[:-1]] + [b"250 " + words[-1]])
        if verb == "DATA":
            self.data = True
        return {"STARTTLS": b"220 go", "DATA": b"354 go", "AUTH": b"235 ok", "QUIT": b"221 bye"}.get(
            verb, b"250 ok"
        )


class Peers(ServerFactory):
    noisy = False
    protocol = Peer

    def __init__(self, contexts: Any) -> None:
        self.contexts = contexts
        self.replies: dict[str, Any] = {}
        self.said: list[list[bytes]] = []
        self.hangs_up_at: str | None = None


class Handing(TestCase):
    def setUp(self) -> None:
        self.authority = Authority()
        certificate, key = self.authority.leaf("localhost", begins=LONG_AGO)
        self.contexts = ssl.PrivateCertificate.loadPEM(certificate + key).options()
        self.peers = Peers(self.contexts)
        self.port = reactor.listenTCP(0, self.peers, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.patch(module, "PATIENCE", 5.0)
        self.patch(module, "GOODBYE", 0.2)

    def server(self, **how: Any) -> NextServer:
        root = ssl.Certificate(X509.from_cryptography(self.authority.certificate))
        how = {"roots": ssl.trustRootFromCertificates([root]), **how}
        return NextServer(how.pop("host", "localhost"), self.port.getHost().port, **how)

    async def handed(self, mail: Outgoing = MAIL, **how: Any) -> None:
        await hand_over(reactor, SystemClock(), self.server(**how), "mail.example.org", mail)

    async def trouble(self, mail: Outgoing = MAIL, **how: Any) -> Trouble:
        try:
            await self.handed(mail, **how)
        except Trouble as trouble:
            self.assertTrue(str(trouble).isprintable())
            self.assertNotIn(PASSWORD, f"{trouble} {trouble.__cause__!r}")
            return trouble
        self.fail("it was taken")


class TakenTests(Handing):
    async def test_the_whole_dialogue(self) -> None:
        await self.handed()
        (said,) = self.peers.said
        ehlo = b"EHLO mail.example.org"
        begin = [ehlo, b"STARTTLS", ehlo, b"MAIL FROM:<>", b"RCPT TO:<ann@example.org>", b"DATA"]
        self.assertEqual(said[:6], begin)
        self.assertEqual(said[6:13], [b"Subject: x", b"", b"hello", b"..dot", b"", b"end", b"."])

    async def test_tls_first(self) -> None:
        await self.port.stopListening()
        self.port = reactor.listenSSL(0, self.peers, self.contexts, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.peers.replies["EHLO"] = b"250 there"
        await self.handed(tls="implicit")
        self.assertNotIn(b"STARTTLS", self.peers.said[0])

    async def test_in_clear_where_it_is_said_so(self) -> None:
        self.peers.replies["EHLO"] = b"250 there"
        await self.handed(tls="none", host="127.0.0.1")
        self.assertIn(b"DATA", self.peers.said[0])

    async def test_a_login(self) -> None:
        await self.handed(user="mailer", password=PASSWORD)
        (auth,) = [line for line in self.peers.said[0] if line.startswith(b"AUTH")]
        self.assertEqual(b64decode(auth.split()[2]), f"\0mailer\0{PASSWORD}".encode())

    async def test_a_sender(self) -> None:
        await self.handed(Outgoing("it@example.org", "ann@example.org", MESSAGE))
        self.assertIn(b"MAIL FROM:<it@example.org>", self.peers.said[0])

    async def test_a_peer_that_never_says_goodbye_is_cut_off(self) -> None:
        self.peers.replies["QUIT"] = None
        self.peers.replies["RSET"] = None
        await self.handed()
        self.assertEqual(len(self.peers.said), 1)


class RefusedTests(Handing):
    async def test_for_good(self) -> None:
        for verb in ("MAIL", "RCPT", "DATA", "message"):
            self.peers.replies = {verb: b"550 5.7.1 not from you"}
            trouble = await self.trouble()
            self.assertIsInstance(trouble, NotTaken)
            self.assertEqual((trouble.status, trouble.temporary), ("5.7.1", False), verb)
            self.assertIn("550 5.7.1 not from you", str(trouble))

    async def test_for_now(self) -> None:
        for verb in ("MAIL", "RCPT", "DATA", "message"):
            self.peers.replies = {verb: b"451 later"}
            trouble = await self.trouble()
            self.assertIsInstance(trouble, NotTaken)
            self.assertEqual((trouble.status, trouble.temporary), ("4.0.0", True), verb)

    async def test_a_code_says_more_than_the_words_behind_it(self) -> None:
        self.peers.replies = {"RCPT": b"450 5.1.1 nobody"}
        self.assertEqual((await self.trouble()).status, "4.0.0")

    async def test_an_address_that_is_not_ascii(self) -> None:
        trouble = await self.trouble(Outgoing("", "jörg@example.org", MESSAGE))
        self.assertFalse(trouble.temporary)
        self.assertEqual(self.peers.said, [])


class NotReachedTests(Handing):
    async def test_nobody_is_there(self) -> None:
        server = self.server()
        await self.port.stopListening()
        with self.assertRaises(NotReached):
            await hand_over(reactor, SystemClock(), server, "mail.example.org", MAIL)

    async def test_no_word_is_final_before_the_message(self) -> None:
        for replies in (
            {"": b"554 go away"},
            {"EHLO": b"502 what"},
            {"STARTTLS": b"554 no"},
            {"EHLO": b"250 no TLS here"},
        ):
            self.peers.replies = replies
            self.assertIsInstance(await self.trouble(), NotReached, replies)

    async def test_a_password_that_is_wrong(self) -> None:
        self.peers.replies = {"AUTH": b"535 5.7.8 wrong"}
        self.assertIsInstance(await self.trouble(user="mailer", password=PASSWORD), NotReached)

    async def test_no_password_goes_out_where_none_is_asked_for(self) -> None:
        self.peers.replies = {"EHLO": b"250-there\r\n250 STARTTLS"}
        self.assertIsInstance(await self.trouble(user="mailer", password=PASSWORD), NotReached)
        self.assertFalse([line for line in self.peers.said[0] if b"AUTH" in line])

    async def test_a_certificate_by_nobody_we_trust(self) -> None:
        self.assertIsInstance(await self.trouble(roots=None), NotReached)
        self.assertNotIn(b"MAIL FROM:<>", self.peers.said[0])

    async def test_a_certificate_for_another_name(self) -> None:
        certificate, key = self.authority.leaf("elsewhere.example.org", begins=LONG_AGO)
        self.peers.contexts = ssl.PrivateCertificate.loadPEM(certificate + key).options()
        self.assertIsInstance(await self.trouble(), NotReached)
        self.assertNotIn(b"MAIL FROM:<>", self.peers.said[0])

    async def test_the_name_is_told_to_the_server(self) -> None:
        told: list[Any] = []
        context = self.contexts.getContext()
        context.set_tlsext_servername_callback(lambda connection: told.append(connection.get_servername()))
        await self.handed()
        self.assertEqual(told, [b"localhost"])

    async def test_what_was_said_in_clear_is_no_answer_under_tls(self) -> None:
        self.peers.replies = {"STARTTLS": b"220 go\r\n250-injected\r\n250 AUTH PLAIN"}
        self.assertIsInstance(await self.trouble(user="mailer", password=PASSWORD), NotReached)

    async def test_it_hangs_up(self) -> None:
        for verb in ("", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA"):
            self.peers.hangs_up_at = verb
            self.assertIsInstance(await self.trouble(), NotReached, verb)

    async def test_it_says_nothing(self) -> None:
        self.patch(module.Client, "timeout", 0.05)
        for verb in ("", "EHLO", "RCPT", "message"):
            self.peers.replies = {verb: None} if verb != "message" else {"message": b"250-"}
            self.patch(module, "PATIENCE", 0.05)
            self.assertIsInstance(await self.trouble(), NotReached, verb)

    async def test_it_talks_and_talks(self) -> None:
        self.peers.replies = {"": b"220-x\r\n" * 10_000 + b"220 x"}
        self.assertIsInstance(await self.trouble(), NotReached)
        self.peers.replies = {"": b"220 " + b"x" * 1_000_000}
        self.assertIsInstance(await self.trouble(), NotReached)

    async def test_it_speaks_something_else(self) -> None:
        for words in (b"SSH-2.0-OpenSSH", b"", b"\xff\xfe\x00", b"HTTP/1.1 400 Bad Request"):
            self.peers.replies = {"": words}
            self.assertIsInstance(await self.trouble(), NotReached, words)

    async def test_who_waits_no_longer_leaves_nothing_behind(self) -> None:
        self.peers.replies = {"EHLO": None}
        waiting = started(self.handed())
        while not self.peers.said or not self.peers.said[0]:
            await deferLater(reactor, 0.01, lambda: None)
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting


class ReprTests(TestCase):
    def test_no_secret_is_shown(self) -> None:
        shown = repr(NextServer("h", 1, user="u", password=PASSWORD)) + repr(MAIL)
        self.assertNotIn(PASSWORD, shown)
        self.assertNotIn("hello", shown)
