"""S5: octets in clear behind the answer to STARTTLS are never taken for the server's own under TLS.

Stock's client of SMTP does that: whoever stands in between chooses what the server seems to offer, with which
mechanism the password goes, and whether there is REQUIRETLS."""

from pathlib import Path

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from mailtwist.kit.connecting import connected
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.protocols.imap import client as imap
from mailtwist.protocols.pop3 import client as pop3
from mailtwist.protocols.sieve import client as sieve
from mailtwist.protocols.smtp import dialogue as smtp
from mailtwist.tls.outbound import Outbound
from tests.loopback import listening
from tests.tls.made import Authority
from tests.tls.outbound import Serving

HOST = "mail.example.org"


class Between(Protocol):
    """Greets, answers STARTTLS with `behind` in clear behind it, and speaks TLS then, where it says
    `under_tls` to whatever is asked."""

    greeting = command = answer = behind = under_tls = b""
    apart = False
    serving = None
    heard: list[bytes]

    def connectionMade(self):
        self.transport.write(self.greeting)
        self.encrypted = False

    def dataReceived(self, data):
        self.heard.append(data)
        if self.encrypted:
            self.transport.write(self.under_tls)
        elif data[:1] == b"\x16":
            self.transport.write(self.behind)  # to the hello of a client that TLS has not been begun with
        elif self.command in data:
            self.begin()
        else:
            self.transport.write(self.offers)

    def begin(self):
        late = self.apart and self.behind
        self.transport.write(self.answer + (b"" if late else self.behind))
        if not late:
            self.encrypted = True
            self.transport.startTLS(self.serving)


class InjectionCase:
    """What was injected is said in `words`; whoever believes it has it in his offer."""

    apart = False
    status, words = "4.7.0", "octets in clear behind the answer to STARTTLS"

    def setUp(self):
        authority = Authority()
        roots = Path(self.mktemp())
        roots.write_bytes(authority.pem)
        self.outbound = Outbound(roots)
        bundle = authority.bundle(HOST)
        self.heard = heard = []
        case = self

        class Server(Between):
            greeting, command, answer, offers = case.greeting, case.command, case.answer, case.offers
            behind, under_tls, apart = case.behind, case.under_tls, case.apart
            serving = Serving(bundle.leaf, bundle.key)

        Server.heard = heard
        self.server = Server
        self.port = listening(self, Server)

    async def called(self):
        call = Call("mail.example.org", patience=10)
        await connected(call, "127.0.0.1", self.port, 10)
        self.addCleanup(call.abort)
        return call

    async def test_s5_what_is_injected_ends_the_session(self):
        call = await self.called()
        with self.assertRaises(Trouble) as caught:
            await self.offered(call)
        self.assertEqual(caught.exception.status, self.status)
        self.assertIn(self.words, caught.exception.detail)
        self.assertTrue(call.over)
        if not self.apart:
            self.assertIn(self.command, self.heard[-1], "nothing was said after it")

    async def test_without_it_the_session_goes_on_and_the_offer_is_the_servers(self):
        self.server.behind = b""
        offer = await self.offered(await self.called())
        self.assertIn("REAL", str(offer))
        self.assertNotIn("INJECTED", str(offer))

    async def offered(self, call):
        """What the server is believed to offer under TLS."""
        raise NotImplementedError

    def secure(self, call):
        async def secured():
            await call.start_tls(self.outbound.context(HOST))

        return secured


class SmtpTests(InjectionCase, TestCase):
    greeting, command, answer = b"220 here\r\n", b"STARTTLS\r\n", b"220 go\r\n"
    offers = b"250-there\r\n250 STARTTLS\r\n"
    behind = b"250-there\r\n250-INJECTED\r\n250 AUTH PLAIN\r\n"
    under_tls = b"250-there\r\n250 REAL\r\n"

    async def offered(self, call):
        await smtp.greeted(call)
        await smtp.hello(call, "mx.example.net")
        await smtp.start_tls(call, self.secure(call))
        return await smtp.hello(call, "mx.example.net")


class ImapTests(InjectionCase, TestCase):
    greeting, command, answer = b"* OK here\r\n", b"S STARTTLS\r\n", b"S OK go\r\n"
    offers = b"* CAPABILITY IMAP4rev1 STARTTLS\r\nC OK\r\n"
    behind = b"* CAPABILITY IMAP4rev1 INJECTED AUTH=PLAIN\r\nC OK\r\n"
    under_tls = b"* CAPABILITY IMAP4rev1 REAL\r\nC OK\r\n"

    async def offered(self, call):
        await imap.greeted(call)
        await imap.capabilities(call)
        await imap.start_tls(call, self.secure(call))
        return await imap.capabilities(call)


class Pop3Tests(InjectionCase, TestCase):
    greeting, command, answer = b"+OK here\r\n", b"STLS\r\n", b"+OK go\r\n"
    offers = b"+OK\r\nSTLS\r\n.\r\n"
    behind = b"+OK\r\nINJECTED\r\nSASL PLAIN\r\n.\r\n"
    under_tls = b"+OK\r\nREAL\r\n.\r\n"

    async def offered(self, call):
        await pop3.greeted(call)
        await pop3.capabilities(call)
        await pop3.start_tls(call, self.secure(call))
        return await pop3.capabilities(call)


class SieveTests(InjectionCase, TestCase):
    """Its server speaks first under TLS."""

    greeting, command, answer = b'"STARTTLS"\r\nOK\r\n', b"STARTTLS\r\n", b"OK\r\n"
    offers = b""
    behind = b'"INJECTED"\r\n"SASL" "PLAIN"\r\nOK\r\n'
    under_tls = b""

    def setUp(self):
        super().setUp()

        def received(server, data):
            Between.dataReceived(server, data)
            if server.encrypted:
                server.transport.write(b'"REAL"\r\nOK\r\n')

        self.server.dataReceived = received

    async def offered(self, call):
        await sieve.greeted(call)
        return await sieve.start_tls(call, self.secure(call))


class Apart:
    """In a segment of its own, when the handshake has begun: it is no record of TLS."""

    apart = True
    status, words = "4.7.5", "what answers there does not speak TLS"


class SmtpApartTests(Apart, SmtpTests):
    """Of SMTP."""


class ImapApartTests(Apart, ImapTests):
    """Of IMAP."""


class Pop3ApartTests(Apart, Pop3Tests):
    """Of POP3."""
