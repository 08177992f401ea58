"""Handing a message to another server: over real sockets, to servers that behave and servers that do not."""

from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet import ssl
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.delivery.remote import session as module
from mailtwist.delivery.remote.handing import NextServer, NotReached, hand_over
from mailtwist.delivery.remote.session import Ours
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.resolver import Resolver
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.smtp.sending import NotTaken, Outgoing
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.policy import NoTls, Opportunistic, Verify
from tests.delivery.remote.peer import Peers
from tests.tls.made import NOW, Authority

reactor: Any = the_reactor
MESSAGE = b"Subject: x\r\n\r\nhello\r\n.dot\r\n\r\nend\r\n"
ANN = Address("ann", "example.org")
MAIL = Outgoing(NULL, ANN, MESSAGE)
LONG_AGO = NOW - timedelta(400)
PASSWORD = "s3cret of the smarthost"


class Handing(TestCase):
    def setUp(self) -> None:
        self.authority = Authority()
        certificate, key = self.authority.leaf("localhost", begins=LONG_AGO)
        self.contexts = ssl.PrivateCertificate.loadPEM(certificate + key).options()
        self.peers = Peers(self.contexts)
        self.port = reactor.listenTCP(0, self.peers, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.patience = 5.0
        self.roots: Path | None = Path(self.mktemp())
        self.roots.write_bytes(self.authority.pem)
        self.patch(module, "GOODBYE", 0.2)

    def server(self, **how: Any) -> NextServer:
        how = {"host": "localhost", "policy": Verify(), **how}
        return NextServer(port=how.pop("port", 0) or self.port.getHost().port, **how)

    async def handed(self, mail: Outgoing = MAIL, **how: Any) -> None:
        clock = SystemClock()
        ours = Ours("mail.example.org", Outbound(self.roots), clock, self.patience, self.patience)
        await hand_over(self.server(**how), mail, ours, Resolver(clock, lambda name: ["127.0.0.1"]))

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
        await self.handed(implicit=True)
        self.assertNotIn(b"STARTTLS", self.peers.said[0])

    async def test_in_clear_where_it_is_said_so(self) -> None:
        self.peers.replies["EHLO"] = b"250 there"
        await self.handed(policy=NoTls(), host="127.0.0.1")
        self.assertIn(b"DATA", self.peers.said[0])

    async def test_a_login(self) -> None:
        await self.handed(user="mailer", password=PASSWORD)
        (auth,) = [line for line in self.peers.said[0] if line.startswith(b"AUTH")]
        self.assertEqual(b64decode(auth.split()[2]), f"\0mailer\0{PASSWORD}".encode())

    async def test_a_sender(self) -> None:
        await self.handed(Outgoing(Address("it", "example.org"), ANN, MESSAGE))
        self.assertIn(b"MAIL FROM:<it@example.org>", self.peers.said[0])

    async def test_a_peer_that_never_says_goodbye_is_cut_off(self) -> None:
        self.peers.replies["QUIT"] = None
        self.peers.replies["RSET"] = None
        await self.handed()
        self.assertEqual(len(self.peers.said), 1)

    async def test_by_the_policy_a_wrong_certificate_may_do(self) -> None:
        self.roots = None
        await self.handed(policy=Opportunistic())
        self.assertIn(b"DATA", self.peers.said[0])

    async def test_a_certificate_may_be_for_another_name_that_is_set(self) -> None:
        certificate, key = self.authority.leaf("mx.elsewhere.example", begins=LONG_AGO)
        self.peers.contexts = ssl.PrivateCertificate.loadPEM(certificate + key).options()
        for names in (("mx.elsewhere.example",), (".elsewhere.example",), ("a.example", ".example")):
            await self.handed(policy=Verify(names))
        for names in (("localhost",), (".mx.elsewhere.example",), ("elsewhere.example",), (".here.example",)):
            self.assertIsInstance(await self.trouble(policy=Verify(names)), NotReached, names)


class OctetTests(Handing):
    """What stock's client does to mail, ours does not: S6 and S7 of its defects."""

    async def got(self, octets: bytes) -> bytes:
        await self.handed(Outgoing(NULL, ANN, octets), policy=NoTls(), host="127.0.0.1")
        said = self.peers.said.pop()
        message = said[said.index(b"DATA") + 1 : said.index(b".")]
        self.assertEqual(said[said.index(b".") + 1 :], [b"QUIT"], "nothing else was a command")
        return b"".join(line.removeprefix(b".") + b"\r\n" for line in message)

    async def test_a_dot_that_begins_a_line_ends_no_message_wherever_it_stands(self) -> None:
        for place in (0, 1, 2, 16383, 16384, 16385, 32768, 65536):
            for before in (b"x" * 70 + b"\r\n", b"\r\n"):
                filler = (before * (place // len(before) + 1))[: max(place - 2, 0)]
                filler = filler + b"\r\n" if place > 1 else b""
                octets = filler + b".\r\nMAIL FROM:<smuggled@example.org>\r\n..\r\n"
                octets = octets.replace(b"\r\r", b"\r")
                self.assertEqual(await self.got(octets), octets, place)

    async def test_a_bare_line_end_begins_no_line(self) -> None:
        """LineReceiver splits at CRLF alone; a server that also takes LF must not see a dot alone there."""
        self.peers.replies = {}
        await self.handed(Outgoing(NULL, ANN, b"a\n.\r\nb\n.\nc\r.\rd\r\n"), policy=NoTls(), host="127.0.0.1")
        (said,) = self.peers.said
        self.assertIn(b"a\n..", said)
        self.assertIn(b"b\n..\nc\r..\rd", said)

    async def test_ends_of_lines_stay_as_they_are(self) -> None:
        octets = b"Subject: x\r\n\r\none\r\n\r\ntwo\r\n"
        self.assertEqual(await self.got(octets), octets)
        self.assertNotIn(b"\r\r\n", octets)


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
        trouble = await self.trouble(Outgoing(NULL, Address("jörg", "example.org"), MESSAGE))
        self.assertFalse(trouble.temporary)
        self.assertNotIn(b"MAIL FROM:<>", self.peers.said[0])


class NotReachedTests(Handing):
    async def test_nobody_is_there(self) -> None:
        number = self.port.getHost().port
        await self.port.stopListening()
        self.assertIsInstance(await self.trouble(port=number), NotReached)

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

    async def test_no_password_goes_where_nobody_has_made_sure(self) -> None:
        """The config does not allow it; neither does the code."""
        for policy in (NoTls(), Opportunistic()):
            self.assertIsInstance(
                await self.trouble(policy=policy, user="mailer", password=PASSWORD), NotReached
            )
            self.assertFalse([line for line in self.peers.said.pop() if b"AUTH" in line or b"MAIL" in line])

    async def test_a_certificate_by_nobody_we_trust(self) -> None:
        self.roots = None
        self.assertIsInstance(await self.trouble(), NotReached)
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
        self.patience = 0.05
        for verb in ("", "EHLO", "RCPT", "message"):
            self.peers.replies = {verb: None} if verb != "message" else {"message": b"250-"}
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
