"""What stock twisted.mail gets wrong in SMTP, each by its number: the same input is right here."""

from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet import ssl as tls
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.mail.address import Address
from mailtwist.protocols import received
from mailtwist.protocols.received import LIMIT, Received
from mailtwist.protocols.smtp import grammar
from mailtwist.protocols.smtp.legacy import StockAddress, received_header
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.tls.contexts import ServerContexts
from tests.loopback import listening
from tests.protocols.smtp.scene import PLAIN_ANN, Scene, codes
from tests.tls.client import Client
from tests.tls.made import Authority

CONTEXTS = ServerContexts()
CONTEXTS.serve([Authority().bundle("mx.example.org", common="mx")])
MAIL = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\n"


class Counting(bytearray):
    """Octets that are looked at or moved are counted."""

    work = 0

    def find(self, what: Any, start: int = 0, *end: int) -> int:
        at = super().find(what, start, *end)
        Counting.work += (len(self) if at < 0 else at) - start
        return at

    def __iadd__(self, data: Any) -> "Counting":
        Counting.work += len(data)
        return super().__iadd__(data)  # type: ignore[return-value]


class Faults(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.addCleanup(lambda: self.assertTrue(self.scene.over()))

    def test_s1_nothing_that_was_sent_behind_starttls_is_executed(self) -> None:
        wire = self.scene.greeted()
        wire.send(b"STARTTLS\r\nMAIL FROM:<injected@plain>\r\nRCPT TO:<bob@example.org>\r\n")
        self.assertEqual(wire.read(), b"220 2.0.0 Ready to start TLS\r\n")
        wire.send(b"EHLO me\r\n")
        wire.read()
        wire.send(b"DATA\r\n")
        self.assertEqual(codes(wire), [b"503"])
        self.assertEqual(self.scene.senders, [])

    def test_s2_starttls_forgets_who_greeted_and_who_sends(self) -> None:
        for before in (b"", b"MAIL FROM:<a@b>\r\nRSET\r\n", PLAIN_ANN + b"\r\n"):
            wire = self.scene.greeted(trusted=lambda address: True)
            wire.send(before + b"STARTTLS\r\n")
            wire.read()
            wire.send(MAIL)
            self.assertEqual(wire.read(), b"503 5.5.1 Say EHLO first\r\n" * 2)
            self.assertFalse(self.scene.servers[-1].authenticated)

    def test_s3_a_long_line_of_a_message_ends_nothing(self) -> None:
        inside = b"x" * 17_000 + b"\r\n" + MAIL + b"DATA\r\nSubject: second\r\n\r\n"
        for limit, taken in ((1_000_000, 1), (16_384, 0)):
            scene = Scene()
            wire = scene.greeted(limits=Limits(text_line=limit))
            wire.send(MAIL + b"DATA\r\n" + inside + b".\r\nNOOP\r\n")
            self.assertEqual(codes(wire), [b"250", b"250", b"354", b"250" if taken else b"500", b"250"])
            self.assertEqual([mail.message for mail in scene.mails], [inside] * taken)
            self.assertTrue(scene.over())

    def test_s3_nor_does_one_that_comes_in_pieces(self) -> None:
        wire = self.scene.greeted()
        wire.send(MAIL + b"DATA\r\n")
        wire.read()
        for _ in range(40):
            wire.send(b"x" * 1000)
        wire.send(b"\r\nQUIT\r\n.\r\n")
        self.assertEqual(codes(wire), [b"250"])

    def test_s4_octets_without_an_end_cost_what_they_are_many(self) -> None:
        """By work, not by time: no octet is searched or moved more than a few times."""
        for size in (1, 1000, 65536):
            with mock.patch.object(received, "bytearray", Counting, create=True):
                held = Received()
            Counting.work = 0
            sent = 0
            while not held.full:
                held.add(b"x" * size)
                sent += size
                try:
                    self.assertIsNone(held.line(2048))
                except received.Unframed:
                    break
            self.assertLessEqual(Counting.work, 4 * sent + LIMIT)

    def test_s4_and_end_the_connection(self) -> None:
        wire = self.scene.greeted()
        for _ in range(2000):
            wire.send(b"x" * 1000)
        self.assertEqual(wire.read(), b"521 5.5.2 The line has no end\r\n")
        self.assertTrue(wire.disconnecting)
        self.assertLess(len(self.scene.servers[0].turns._in), 2 * LIMIT)

    def test_s8_what_crashed_is_answered(self) -> None:
        for line, answer in (
            (b"AUTH", b"501 5.5.4 "),
            (b"AUTH ", b"501 5.5.4 "),
            (b"AUTH PLAIN !", b"501 5.5.2 "),
            (b"AUTH PLAIN AAA=BBB", b"501 5.5.2 "),
            (b"AUTH PLAIN =AAA", b"501 5.5.2 "),
            (b"AUTH PLAIN AA==", b"501 5.5.2 "),
            (b"AUTH \xff\xfe", b"504 5.5.4 "),
            (b"\xff", b"500 5.5.1 "),
            (b"EHLO \xff", b"501 5.5.4 "),
            (b"MAIL FROM:<\xff@b>", b"501 5.5.4 "),
            (b"MAIL FROM:<a@b> SIZE=\xc2\xb2", b"501 5.5.4 "),
            (b"RCPT", b"501 5.5.4 "),
        ):
            wire = self.scene.greeted(tls=True)
            wire.send(line + b"\r\nNOOP\r\n")
            first, second = wire.read().splitlines()
            self.assertTrue(first.startswith(answer), (line, first))
            self.assertEqual(second, b"250 2.0.0 Ok")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_s9_neither_kind_of_half_a_line_end_ends_a_message(self) -> None:
        for end in (b"\n.\n", b"\r\n.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\r"):
            scene = Scene()
            wire = scene.greeted()
            wire.send(MAIL + b"DATA\r\nSubject: x\r\n\r\nbody" + end + b"MAIL FROM:<evil@x>\r\n")
            self.assertEqual(codes(wire), [b"250", b"250", b"354"], end)
            wire.send(b".\r\n")
            self.assertEqual(codes(wire), [b"521"], end)
            self.assertEqual((scene.mails, len(scene.dropped), wire.disconnecting), ([], 1, True), end)
            self.assertTrue(scene.over())

    def test_s9_nor_may_they_be_in_a_text_that_comes_in_chunks(self) -> None:
        for text in (b"a\nb", b"a\rb", b"\r\r\n", b"\n\r", b"a\r"):
            for cut in range(len(text) + 1):
                scene = Scene()
                wire = scene.greeted()
                wire.send(MAIL + b"BDAT %d\r\n%b" % (cut, text[:cut]))
                wire.send(b"BDAT %d LAST\r\n%bNOOP\r\n" % (len(text) - cut, text[cut:]))
                self.assertIn(b"554", codes(wire), (text, cut))
                self.assertEqual(scene.mails, [])
                self.assertTrue(scene.over())

    def test_s10_a_long_address_is_read_once(self) -> None:
        """By work, not by time: the grammar is asked once, whatever the address; stock's parser is not."""
        calls: list[int] = []
        path = grammar._PATH

        class Watched:
            @staticmethod
            def match(text: str) -> Any:
                calls.append(len(text))
                return path.match(text)

        for local in (b"a." * 8000 + b"a", b'"' + b"\\a" * 8000 + b'"', b"(" * 16_000, b"@a," * 5000 + b":a"):
            with mock.patch.object(grammar, "_PATH", Watched):
                self.assertRaises(grammar.BadSender, grammar.reverse_path, b"FROM:<" + local + b"@b>")
        self.assertEqual(len(calls), 4)
        stock = StockAddress(Address("a" * 255, "b"), b"host")
        self.assertEqual(bytes(stock), b"a" * 255 + b"@b")

    def test_s10_and_a_line_of_it_is_too_long_anyway(self) -> None:
        wire = self.scene.greeted()
        wire.send(b"MAIL FROM:<" + b"a." * 6000 + b"a@b>\r\nNOOP\r\n")
        self.assertEqual(codes(wire), [b"500", b"250"])

    def test_s11_what_raised_on_python_3_answers(self) -> None:
        header = received_header((b"me", b"192.0.2.1"), b"mx", 0)
        self.assertTrue(header.startswith(b"Received: from me ([192.0.2.1]) by mx; "))
        self.assertEqual(str(StockAddress(Address("a b", "c"), b"")), '"a b"@c')
        self.assertEqual(grammar.to_xtext(b"e+mc=2 \xff"), "e+2Bmc+3D2+20+FF")
        self.assertEqual(grammar.from_xtext("e+2Bmc+3D2+20+FF"), b"e+mc=2 \xff")

    def test_s12_recipients_errors_and_commands_are_counted(self) -> None:
        for limits, said, last in (
            (Limits(recipients=2), b"MAIL FROM:<a@b>\r\n" + b"RCPT TO:<c@d>\r\n" * 3, b"452"),
            (Limits(errors=2), b"RCPT\r\n" * 3, b"421"),
            (Limits(unknown=2), b"WHAT\r\n" * 3, b"421"),
            (Limits(useless=3), b"NOOP\r\n" * 3, b"421"),
            (Limits(useless=3), MAIL + b"BDAT 0\r\n" * 3, b"421"),
            (Limits(useless=3), MAIL + b"BDAT 1\r\nx" * 3, b"421"),
            (Limits(recipients=2), b"MAIL FROM:<a@b>\r\n" + b"RCPT TO:<c@d>\r\n" * 5, b"421"),
            (Limits(mails=2), b"MAIL FROM:<a@b>\r\nRSET\r\n" * 2 + b"MAIL FROM:<a@b>\r\n", b"421"),
            (Limits(message=100), MAIL + b"DATA\r\n" + b"x" * 99 + b"\r\n.\r\n", b"552"),
        ):
            wire = self.scene.greeted(limits=limits)
            wire.send(said)
            self.assertEqual(codes(wire)[-1], last, limits)

    def test_s12_slow_octets_are_not_waited_for(self) -> None:
        wire = self.scene.greeted(limits=Limits(progress_time=180))
        for _ in range(179):
            wire.send(b"x")
            self.scene.clock.advance(1)
        self.assertFalse(wire.disconnecting)
        self.scene.clock.advance(1)
        self.assertEqual(codes(wire), [b"421"])

    def test_s12_a_slow_chunk_is_not_waited_for(self) -> None:
        wire = self.scene.greeted()
        wire.send(MAIL + b"BDAT 100000 LAST\r\n")
        wire.read()
        for _ in range(180):
            wire.send(b"x")
            self.scene.clock.advance(1)
        self.assertEqual(codes(wire), [b"421"])
        self.assertEqual(len(self.scene.dropped), 1)


class RealFaults(TestCase):
    """The same over sockets, where that may make a difference."""

    def served(self) -> int:
        self.scene = Scene()
        self.gone: Deferred[None] = Deferred()

        def made() -> ESMTPServer:
            server: Any = ESMTPServer()
            server.portal, server.host, server.ctx = self.scene.portal(), "mx.example.org", CONTEXTS
            lost = server.connectionLost
            server.connectionLost = lambda reason: (lost(reason), self.gone.callback(None))
            return server

        return listening(self, made)

    async def client(self) -> Client:
        client = Client()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.served()), client)
        client.transport.write(b"EHLO me\r\n")
        await client.until(b"STARTTLS\r\n")
        return client

    async def left(self, client: Client) -> None:
        client.transport.abortConnection()
        await client.gone
        await self.gone

    async def test_s1_what_was_injected_is_not_answered_within_tls(self) -> None:
        client = await self.client()
        client.transport.write(b"STARTTLS\r\n" + MAIL)
        await client.until(b"220 2.0.0 Ready to start TLS\r\n")
        client.transport.startTLS(tls.CertificateOptions(verify=False))
        client.transport.write(b"EHLO me\r\nDATA\r\nNOOP\r\n")
        heard = await client.until(b"250 2.0.0 Ok\r\n")
        self.assertTrue(heard.startswith(b"250-mx.example.org\r\n"), heard)
        self.assertTrue(heard.endswith(b"SMTPUTF8\r\n503 5.5.1 Bad sequence of commands\r\n250 2.0.0 Ok\r\n"))
        self.assertEqual(self.scene.senders, [])
        await self.left(client)

    async def test_s3_a_body_of_long_lines_is_one_message(self) -> None:
        inside = b"x" * 200_000 + b"\r\n" + MAIL + b"DATA\r\n" + b"y" * 100_000 + b"\r\n"
        client = await self.client()
        client.transport.write(MAIL + b"DATA\r\n" + inside + b".\r\nNOOP\r\n")
        heard = await client.until(b"250 2.0.0 Ok\r\n")
        self.assertEqual([line[:3] for line in heard.splitlines()], [b"250", b"250", b"354", b"250", b"250"])
        self.assertEqual([mail.message for mail in self.scene.mails], [inside])
        await self.left(client)

    async def test_s4_who_never_ends_a_line_is_sent_away(self) -> None:
        client = await self.client()
        client.transport.write(b"x" * 25_000_000)
        await client.until(b"521 5.5.2 The line has no end\r\n")
        await self.gone
        client.transport.abortConnection()
        await client.gone
